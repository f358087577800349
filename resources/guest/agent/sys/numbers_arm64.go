package sys

const (
	sysSetns    = 268
	sysSyncfs   = 267
	sysEventfd2 = 19
)
