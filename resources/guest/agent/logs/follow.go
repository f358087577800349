package logs

import (
	"errors"
	"io/fs"
	"os"
)

// follower holds the files that a reader is still to read open, so that rotation takes nothing away from it.
type follower struct{ files []*os.File }

// maxBehind is how many files a reader may be behind the writer before it loses the oldest.
const maxBehind = 64

// complete is the limit of a file that nothing is added to any more.
const complete = int64(1<<63 - 1)

func (f *follower) open(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	f.files = append(f.files, file)
	if len(f.files) > maxBehind {
		f.files[0].Close()
		f.files = f.files[1:]
	}
	return nil
}

// follow registers a reader that goes on from file 'number', or from the first after it that is still there.
func (w *Writer) follow(number int) (*follower, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &follower{}
	for ; number <= w.number; number++ {
		if err := f.open(pathOf(w.dir, number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if len(f.files) == 0 {
		return nil, fs.ErrNotExist
	}
	w.followers[f] = true
	return f, nil
}

func (w *Writer) unfollow(f *follower) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.followers, f)
	for _, file := range f.files {
		file.Close()
	}
}

// next is the follower's next file, which it closes itself; nil when it has the writer's own.
func (w *Writer) next(f *follower) *os.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(f.files) == 0 {
		return nil
	}
	file := f.files[0]
	f.files = f.files[1:]
	return file
}

// progress says how far the follower may read in the file that it has, whether the writer is closed, and gives a channel
// that is closed on the next change.
func (w *Writer) progress(f *follower) (limit int64, closed bool, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(f.files) > 0 {
		return complete, w.closed, w.changed
	}
	return w.size, w.closed, w.changed
}
