package sys

const (
	sysSetns    = 308
	sysSyncfs   = 306
	sysEventfd2 = 290
)
