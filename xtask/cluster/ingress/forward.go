package main

import (
	"context"
	"io"
	"log"
	"net"
	"time"
)

// forward passes each TCP connection on listen to target, both ways, until ctx ends.
func forward(ctx context.Context, listen, target string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = listener.Close()
	}()
	go func() {
		for {
			client, err := listener.Accept()
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				log.Printf("forward: %v", err)
				time.Sleep(100 * time.Millisecond)
				continue
			}
			go join(client, target)
		}
	}()
	return nil
}

func join(client net.Conn, target string) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", target, 2*time.Second)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		// Half a close lets the other side finish what it is still sending.
		if tcp, ok := to.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		done <- struct{}{}
	}
	go pipe(server, client)
	go pipe(client, server)
	<-done
	<-done
}
