package network

import (
	"encoding/binary"
	"sync"
)

const (
	headerLength = 12
	bitResponse  = 0x80
	bitTruncated = 0x02
	rcodeFailure = 2
	typeOPT      = 41
	plainUDP     = 512
)

// memory keeps the good answers to the questions asked before: names go on to resolve while no engine is connected.
type memory struct {
	mu      sync.Mutex
	answers map[string][]byte
}

// maxRemembered bounds the answers kept for each asker.
const maxRemembered = 256

func (m *memory) keep(query, answer []byte) {
	question := query[headerLength:questionEnd(query)]
	if len(question) == 0 || answer[3]&0x0f == rcodeFailure {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers == nil || len(m.answers) >= maxRemembered {
		m.answers = map[string][]byte{}
	}
	m.answers[string(question)] = answer
}

// recall gives the answer with the query's own id; nil when there is none.
func (m *memory) recall(query []byte) []byte {
	m.mu.Lock()
	kept := m.answers[string(query[headerLength:questionEnd(query)])]
	m.mu.Unlock()
	if kept == nil {
		return nil
	}
	answer := append([]byte(nil), kept...)
	copy(answer, query[:2])
	return answer
}

// withoutRecords makes a response of a message's header and question.
func withoutRecords(message []byte) []byte {
	end := questionEnd(message)
	short := append([]byte(nil), message[:end]...)
	short[2] |= bitResponse
	if end == headerLength {
		short[4], short[5] = 0, 0
	}
	for i := 6; i < headerLength; i++ {
		short[i] = 0
	}
	return short
}

// questionEnd is where the one question of a message ends; the header's end when it has none that can be read.
func questionEnd(message []byte) int {
	if binary.BigEndian.Uint16(message[4:]) != 1 {
		return headerLength
	}
	at := headerLength
	for at < len(message) && message[at] != 0 {
		if message[at] >= 0xc0 {
			return headerLength
		}
		at += int(message[at]) + 1
	}
	if at+5 > len(message) {
		return headerLength
	}
	return at + 5
}

// udpLimit is the longest answer that the asker takes over UDP: what its OPT record (RFC 6891) says, or 512 bytes. In a
// query that record is the first after the question.
func udpLimit(query []byte) int {
	at := questionEnd(query)
	if binary.BigEndian.Uint16(query[10:]) == 0 || at+11 > len(query) || query[at] != 0 || binary.BigEndian.Uint16(query[at+1:]) != typeOPT {
		return plainUDP
	}
	if limit := int(binary.BigEndian.Uint16(query[at+3:])); limit > plainUDP {
		return limit
	}
	return plainUDP
}

// fit cuts an answer that is too long for UDP to its question and marks it truncated, so that the asker turns to TCP.
func fit(answer []byte, limit int) []byte {
	if len(answer) <= limit {
		return answer
	}
	short := withoutRecords(answer)
	short[2] |= bitTruncated
	return short
}
