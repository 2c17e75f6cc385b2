package goapi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"linen"
	"linen/lib/impair"

	"github.com/quic-go/quic-go"
)

// tlsConfigs returns a server's and a client's configuration for "server".
func tlsConfigs(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key))(t)
	pool := x509.NewCertPool()
	pool.AddCert(must(x509.ParseCertificate(der))(t))
	protos := []string{"echo"}
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: protos}
	return server, &tls.Config{RootCAs: pool, ServerName: "server", NextProtos: protos}
}

// echoQUIC sends back what comes on every stream.
func echoQUIC(l *quic.Listener) {
	for {
		c, err := l.Accept(context.Background())
		if err != nil {
			return
		}
		go func() {
			for {
				s, err := c.AcceptStream(context.Background())
				if err != nil {
					return
				}
				go func() { defer s.Close(); io.Copy(s, s) }()
			}
		}()
	}
}

// transfer sends body to the server by QUIC and reads it back.
func transfer(t *testing.T, a, b *linen.Net, body []byte) {
	t.Helper()
	server, client := tlsConfigs(t)
	atServer := must(b.ListenPacket(t.Context(), "udp", "10.0.0.2:443"))(t)
	atClient := must(a.ListenPacket(t.Context(), "udp", ":0"))(t)
	config := &quic.Config{HandshakeIdleTimeout: time.Minute, MaxIdleTimeout: time.Minute}
	st, ct := &quic.Transport{Conn: atServer}, &quic.Transport{Conn: atClient}
	l := must(st.Listen(server, config))(t)
	go echoQUIC(l)
	c := must(ct.Dial(t.Context(), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 443}, client, config))(t)
	s := must(c.OpenStreamSync(t.Context()))(t)
	go func() { s.Write(body); s.Close() }()
	if got := must(io.ReadAll(s))(t); !bytes.Equal(got, body) {
		t.Errorf("%d bytes came back of %d", len(got), len(body))
	}
	check(t, c.CloseWithError(0, ""))
	l.Close()
	for _, err := range []error{ct.Close(), st.Close(), atClient.Close(), atServer.Close()} {
		check(t, err)
	}
}

// TestQUIC: quic-go on linen, unchanged.
func TestQUIC(t *testing.T) {
	k, a, b := hosts(t)
	defer k.Close()
	transfer(t, a, b, bytes.Repeat([]byte("quic"), 1<<16))
}

// TestQUICInABubble: the same on virtual time, over a cable that loses.
func TestQUICInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, a, b := hosts(t)
		defer k.Close()
		check(t, a.Impair("eth0", linen.Impairment{Delay: 10 * time.Millisecond, Loss: impair.Percent(1)}))
		transfer(t, a, b, bytes.Repeat([]byte("quic"), 1<<14))
	})
}
