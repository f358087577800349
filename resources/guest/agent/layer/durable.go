package layer

import (
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/agent/sys"
)

// unsynced begins the name of the mark of a layer that may not be on disk yet; the mark holds the boot id.
const unsynced = ".unsynced-"

// flushDelay lets the kernel write most of it in its own time.
const flushDelay = 10 * time.Second

// settle gives an unpacked layer its name. On a file system of the agent's own it is written to disk first. Elsewhere that
// would mean to wait for all that others write, so it is done later; until then a mark lies beside the layer, by which Open
// knows after a power cut that the layer may be torn.
func (s *Store) settle(from, id string) error {
	if s.boot == "" {
		if err := sys.Syncfs(s.folder); err != nil {
			return err
		}
		if err := os.Rename(from, s.Path(id)); err != nil {
			return err
		}
		return s.folder.Sync()
	}
	if err := os.WriteFile(filepath.Join(s.dir, unsynced+id), []byte(s.boot), 0o600); err != nil {
		return err
	}
	if err := os.Rename(from, s.Path(id)); err != nil {
		return err
	}
	s.flushSoon()
	return nil
}

// dropTorn removes the layers that an earlier boot of the computer left unsynced.
func (s *Store) dropTorn() error {
	marks, err := s.marks()
	for _, mark := range marks {
		boot, err := os.ReadFile(mark)
		if err != nil {
			return err
		}
		if string(boot) == s.boot {
			s.flushSoon()
			continue
		}
		id := strings.TrimPrefix(filepath.Base(mark), unsynced)
		log.Printf("layer %s was not on disk when the computer stopped: removed", id)
		if err := s.Remove([]string{id}); err != nil {
			return err
		}
		if err := os.Remove(mark); err != nil {
			return err
		}
	}
	return err
}

func (s *Store) marks() ([]string, error) { return filepath.Glob(filepath.Join(s.dir, unsynced+"*")) }

// flushSoon has what is marked now written to disk in a while, unless that is to happen anyway.
func (s *Store) flushSoon() {
	if !s.flushing.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(flushDelay, func() {
		s.flushing.Store(false)
		marks, err := s.marks()
		if err == nil && len(marks) > 0 {
			err = sys.Syncfs(s.folder)
		}
		for _, mark := range marks {
			if err == nil {
				err = os.Remove(mark)
			}
		}
		if err != nil {
			log.Printf("writing layers to disk: %v", err)
		}
	})
}
