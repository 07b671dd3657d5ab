// Package witness is the door of a witness: a small server that remembers how far other people's
// audit logs were, and signs that they only grew (C2SP tlog-witness). It holds no record and no
// patient's data: a checkpoint is a name, a number and a hash. A partner clinic, a regulator or a
// patients' group runs it, with a key of its own.
//
//	POST /add-checkpoint   a log brings its newest checkpoint
//	GET  /checkpoints      the newest checkpoint of each log, for who verifies one
package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust/ledger"
)

// Server is a witness. Make it with New.
type Server struct {
	dir    string
	key    ledger.Cosigner
	clock  clock.Clock
	logger *slog.Logger
	logs   map[string]*watched // by origin
	order  []string
}

// watched is a log that the witness knows.
type watched struct {
	mu   sync.Mutex // from looking at the last checkpoint until the next one is stored
	key  ledger.Key
	file string
}

// New returns a witness that keeps what it has seen in dir and knows the logs of these keys.
func New(dir string, key ledger.Cosigner, c clock.Clock, log *slog.Logger, logs ...ledger.Key) (*Server, error) {
	s := &Server{dir: dir, key: key, clock: c, logger: log, logs: map[string]*watched{}}
	for _, k := range logs {
		origin := k.Origin()
		h := sha256.Sum256([]byte(origin))
		w := &watched{key: k, file: filepath.Join(dir, "log-"+hex.EncodeToString(h[:8])+".note")}
		if _, _, err := w.last(); err != nil {
			return nil, err
		}
		if s.logs[origin] == nil {
			s.order = append(s.order, origin)
		}
		s.logs[origin] = w
	}
	return s, nil
}

// last returns the newest checkpoint that was cosigned of a log; the zero one when there is none.
func (w *watched) last() (ledger.Checkpoint, []byte, error) {
	note, err := os.ReadFile(w.file)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Checkpoint{}, nil, nil
	}
	if err != nil {
		return ledger.Checkpoint{}, nil, fault.Wrap(err, fault.Unavailable, "What this witness has seen cannot be read.")
	}
	c, err := w.key.Open(note)
	if err != nil { // never begin anew by oneself: that is what an attacker would want
		return c, nil, fault.Wrap(err, fault.Internal, "The file %s is damaged. Restore it from a backup of the witness.", filepath.Base(w.file))
	}
	return c, note, nil
}

// maxBody bounds a submission.
const maxBody = 64 << 10

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.URL.Path == "/add-checkpoint" && r.Method == http.MethodPost:
		s.add(w, r)
	case r.URL.Path == "/checkpoints" && r.Method == http.MethodGet:
		s.show(w)
	case r.URL.Path == "/add-checkpoint" || r.URL.Path == "/checkpoints":
		http.Error(w, "another method is needed here", http.StatusMethodNotAllowed)
	default:
		http.Error(w, "this is a witness of audit logs: POST /add-checkpoint, GET /checkpoints", http.StatusNotFound)
	}
}

// statuses are those that the protocol gives the refusals.
var statuses = map[ledger.Refusal]int{ledger.UnknownLog: http.StatusNotFound, ledger.WrongKey: http.StatusForbidden, ledger.Backwards: http.StatusBadRequest,
	ledger.AnotherState: http.StatusConflict, ledger.SplitView: http.StatusConflict, ledger.Rewritten: http.StatusUnprocessableEntity}

func (s *Server) add(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the request is too large or was cut off", http.StatusBadRequest)
		return
	}
	sub, err := ledger.ParseSubmission(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	claimed, err := ledger.ParseCheckpoint(ledger.Text(sub.Note))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	log := s.logs[claimed.Origin]
	if log == nil {
		http.Error(w, string(ledger.UnknownLog), http.StatusNotFound)
		return
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	last, _, err := log.last()
	if err != nil {
		s.logger.Error("a submission could not be judged", "log", claimed.Origin, "error", err.Error())
		http.Error(w, "this witness cannot answer now", http.StatusInternalServerError)
		return
	}
	_, err = ledger.Judge(log.key, last, sub)
	var refusal ledger.Refusal
	if errors.As(err, &refusal) {
		s.refuse(w, refusal, claimed, last)
		return
	}
	line := s.key.Cosign(ledger.Text(sub.Note), s.clock.Now())
	if err := store(log.file, append(append([]byte(nil), sub.Note...), line...)); err != nil {
		s.logger.Error("a checkpoint could not be stored, and was not cosigned", "log", claimed.Origin, "error", err.Error())
		http.Error(w, "this witness cannot store now", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(line)
}

func (s *Server) refuse(w http.ResponseWriter, refusal ledger.Refusal, claimed, last ledger.Checkpoint) {
	if refusal == ledger.SplitView || refusal == ledger.Rewritten {
		s.logger.Error("a log is not the one that was cosigned", "log", claimed.Origin, "size", claimed.Size, "cosigned", last.Size, "why", string(refusal))
	}
	if refusal == ledger.AnotherState || refusal == ledger.SplitView {
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(statuses[refusal])
		_, _ = io.WriteString(w, strconv.FormatInt(last.Size, 10)+"\n")
		return
	}
	http.Error(w, string(refusal), statuses[refusal])
}

// show answers with the newest checkpoints, as a file that the verification takes.
func (s *Server) show(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, origin := range s.order {
		log := s.logs[origin]
		log.mu.Lock()
		_, note, err := log.last()
		log.mu.Unlock()
		if err == nil && note != nil {
			_, _ = w.Write(append(note, '\n'))
		}
	}
}

// store replaces a file durably.
func store(name string, content []byte) error {
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
