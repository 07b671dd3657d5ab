package webtest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// Line returns a way to a server that holds little on its way, as a slow line does: what its
// client has not read, the server has not got rid of.
func Line(t testing.TB) *http.Transport {
	line := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(256 << 10) // little, and enough for 3 MB a second: what the kernel of the server holds is out of its reach
		}
		return c, err
	}}
	t.Cleanup(line.CloseIdleConnections)
	return line
}

// endsWithin is how long after an account has ended its downloads may go on here, where that it has
// ended is looked for several times a second.
const endsWithin = 10 * time.Second

// BreaksOff holds that a download of size bytes breaks off once end has been called: for a client
// that reads slowly, and for one that has stopped reading, of which the server lets go. It is
// called when some of the answer has come.
func BreaksOff(t testing.TB, r *http.Response, size int64, reading bool, end func(), letGo <-chan struct{}) {
	t.Helper()
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Fatalf("the download answers %d", r.StatusCode)
	}
	n, err := io.CopyN(io.Discard, r.Body, 256<<10)
	if err != nil {
		t.Fatalf("%d bytes came before anything happened: %v", n, err)
	}
	end()
	began := time.Now()
	if !reading {
		select {
		case <-letGo:
		case <-time.After(endsWithin):
			t.Errorf("the server still holds a download that nobody reads, %v after the account has ended", endsWithin)
		}
		return
	}
	for err == nil && time.Since(began) < endsWithin {
		var more int64
		more, err = io.CopyN(io.Discard, r.Body, 32<<10)
		n += more
		time.Sleep(10 * time.Millisecond) // about 3 MB a second
	}
	switch {
	case err == nil:
		t.Errorf("%v after the account has ended the download still runs, at %d of %d bytes", endsWithin, n, size)
	case errors.Is(err, io.EOF) || n >= size: // not io.ErrUnexpectedEOF
		t.Errorf("the download came to its end with %d of %d bytes", n, size)
	}
}
