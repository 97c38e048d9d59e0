package host

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"tocsin/system/lab/region"
	"tocsin/system/lab/topology"
)

// Ports are the numbers on 127.0.0.1 by which people and the harness reach the
// lab. The gateways of the zones follow ZoneBase in order.
type Ports struct {
	Public       int
	ZoneBase     int
	Prometheus   int
	Alertmanager int
	// Harness is where the harness listens; pods reach it through a relay.
	Harness int
}

// DefaultPorts are the ports of a lab unless its user says otherwise.
func DefaultPorts() Ports {
	return Ports{Public: 8443, ZoneBase: 8451, Prometheus: 19090, Alertmanager: 19093, Harness: 9464}
}

func url(port int) string { return "https://localhost:" + strconv.Itoa(port) }

// doors pairs every port with what stands behind it.
func (p Ports) doors() []region.Door {
	listen := func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
	doors := []region.Door{
		{Listen: listen(p.Public), Target: topology.Pod{Component: topology.Edge}.At(topology.PortPublic)},
		{Listen: listen(p.Prometheus), Target: topology.Pod{Component: topology.Prometheus}.At(topology.PortPrometheus)},
		{Listen: listen(p.Alertmanager), Target: topology.Pod{Component: topology.Alertmanager}.At(topology.PortAlertmanager)},
	}
	for i, zone := range topology.Zones() {
		gateway := topology.Pod{Zone: zone, Component: topology.Gateway}
		doors = append(doors, region.Door{Listen: listen(p.ZoneBase + i), Target: gateway.At(topology.PortPublic)})
	}
	return doors
}

func (p Ports) zones() map[string]string {
	urls := map[string]string{}
	for i, zone := range topology.Zones() {
		urls[zone] = url(p.ZoneBase + i)
	}
	return urls
}

// listen opens every door. What it opened is closed again if one is taken.
func listen(doors []region.Door) (files []*os.File, err error) {
	for _, door := range doors {
		file, openErr := listenOne(door.Listen)
		if openErr != nil {
			for _, opened := range files {
				openErr = errors.Join(openErr, opened.Close())
			}
			return nil, openErr
		}
		files = append(files, file)
	}
	return files, nil
}

func listenOne(address string) (*os.File, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, splitErr := net.SplitHostPort(address)
		return nil, errors.Join(fmt.Errorf("port %s on 127.0.0.1 is taken by another program\nfind it: ss -ltnp 'sport = :%s'; or choose other ports: lab up --help", port, port), splitErr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("listen on %s: not TCP", address)
	}
	file, err := tcp.File()
	if err := errors.Join(err, tcp.Close()); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return file, nil
}
