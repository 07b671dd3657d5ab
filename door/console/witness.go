package console

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/outbound"
	door "github.com/osler-emr/osler/door/witness"
	"github.com/osler-emr/osler/record/witness"
	"github.com/osler-emr/osler/trust/ledger"
)

// witnessCommand runs a witness of other people's audit logs.
type witnessCommand struct {
	Folder string   `required:"" name:"folder" type:"path" placeholder:"DIR" help:"Folder of the witness: its key and what it has seen."`
	Name   string   `required:"" placeholder:"NAME" help:"Name of the witness: a host and path that is yours, such as witness.example/osler."`
	Log    []string `sep:"none" placeholder:"KEY" help:"Key of a log that it witnesses, as osler audit key prints it. Repeat for several."`
	listenFlags
}

// Run serves until it is told to stop.
func (c *witnessCommand) Run(ctx context.Context, p *Program) error {
	if err := c.check(); err != nil {
		return err
	}
	private()
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return fault.Wrap(err, fault.Invalid, "The folder %s cannot be used.", c.Folder)
	}
	secret, err := witnessSecret(filepath.Join(c.Folder, "witness.key"))
	if err != nil {
		return err
	}
	key, err := ledger.NewCosigner(c.Name, secret)
	if err != nil {
		return err
	}
	var logs []ledger.Key
	for _, vkey := range c.Log {
		k, err := ledger.OpenKey(vkey)
		if err != nil {
			return err
		}
		logs = append(logs, k)
	}
	server, err := door.New(c.Folder, key, p.Clock, p.log(), logs...)
	if err != nil {
		return err
	}
	sealing := sha256.Sum256(append([]byte("osler witness tls "), secret...))
	tcp, err := c.bind()
	if err != nil {
		return err
	}
	defer tcp.Close()
	listener, err := c.listen(tcp, c.Folder, sealing[:], p.Clock, p.log())
	if err != nil {
		return err
	}
	address := listener.address
	fmt.Fprintf(p.Out, "The witness is ready at %s and knows %d logs. A clinic adds it with:\n  osler serve --witness %s,%s\n", address, len(logs), key.Public(), address)
	s := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	failed := make(chan error, 1)
	if listener.note != "" {
		fmt.Fprintln(p.Out, listener.note)
	}
	go func() { failed <- s.Serve(listener) }()
	if p.Ready != nil {
		p.Ready(address)
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.Shutdown(end)
}

// witnessSecret reads the key of a witness, and makes one when there is none.
func witnessSecret(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return b, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(err, fault.Unavailable, "The key of the witness cannot be read.")
	}
	if b, err = base64.RawURLEncoding.DecodeString(ident.Secret()); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(b)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The key of the witness cannot be made.")
	}
	return b, nil
}

// witnessFlags name the witnesses of a record.
type witnessFlags struct {
	Witness      []string `name:"witness" sep:"none" placeholder:"KEY,URL" help:"Witness that gets the head of the audit log every minute; its operator's osler witness prints what stands here. Repeat for several; two are better than one." env:"OSLER_WITNESS"`
	AllowWitness []string `name:"allow-witness" placeholder:"HOST" help:"Host, address or network of the own house where a witness is, also by plain HTTP. Others must be public."`
}

// witnesses makes what brings the log to the witnesses; nil when there are none.
func (p *Program) witnesses(h *house, dir string, f witnessFlags) (*witness.Pusher, error) {
	if len(f.Witness) == 0 {
		return nil, nil
	}
	guard, err := outbound.New(f.AllowWitness...)
	if err != nil {
		return nil, err
	}
	var peers []witness.Peer
	for _, text := range f.Witness {
		peer, err := witness.ParsePeer(text)
		if err != nil {
			return nil, err
		}
		peers = append(peers, peer)
	}
	return witness.New(h.store, dir, p.Clock, p.log(), guard.Client(20*time.Second), peers...)
}
