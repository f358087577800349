package sys

const (
	sysSetns    = 346
	sysSyncfs   = 344
	sysEventfd2 = 328
)
