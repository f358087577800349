// Package contract holds the Go types of ../../contract.json, the one description of what engine and agent say to each other.
package contract

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Kind is one of the contract's errorKinds.
type Kind string

// The contract's error kinds.
const (
	NotFound             Kind = "notFound"
	Conflict             Kind = "conflict"
	Invalid              Kind = "invalid"
	Forbidden            Kind = "forbidden"
	Unavailable          Kind = "unavailable"
	Unsupported          Kind = "unsupported"
	NoSpace              Kind = "noSpace"
	CommandNotFound      Kind = "commandNotFound"
	CommandNotExecutable Kind = "commandNotExecutable"
	Internal             Kind = "internal"
)

// Error is an error as it travels in a REPLY.
type Error struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error of a kind.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// AsError gives any error a kind: its own, 'noSpace' for a full disk or quota, 'internal' otherwise.
func AsError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return &Error{Kind: known.Kind, Message: err.Error()}
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &Error{Kind: NoSpace, Message: "no space left on device: " + err.Error()}
	}
	return &Error{Kind: Internal, Message: err.Error()}
}

// IsNotExist tells whether a file is missing, also when a parent of it is no folder.
func IsNotExist(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
