package controller

import "github.com/prometheus/client_golang/prometheus"

// collector shows the state as metrics, from a snapshot taken when it is asked.
type collector struct{ c *Controller }

var (
	networksDesc  = prometheus.NewDesc("weft_networks", "Networks declared.", nil, nil)
	endpointsDesc = prometheus.NewDesc("weft_endpoints", "Endpoints declared.", nil, nil)
	revisionDesc  = prometheus.NewDesc("weft_revision", "Revision of the newest durable change.", nil, nil)
	connectedDesc = prometheus.NewDesc("weft_host_connected", "1 while the host's connection is up.", []string{"host", "connection"}, nil)
	syncedDesc    = prometheus.NewDesc("weft_host_synchronized", "1 while the switch has confirmed all that is wanted.", []string{"host"}, nil)
	flowsDesc     = prometheus.NewDesc("weft_host_flows", "Flows and groups wanted on the host's bridge.", []string{"host"}, nil)
	repairsDesc   = prometheus.NewDesc("weft_host_repairs_total", "Foreign changes of flows and groups that were undone.", []string{"host"}, nil)
)

// Collectors are the controller's metrics.
func (c *Controller) Collectors() []prometheus.Collector {
	return []prometheus.Collector{collector{c}}
}

// Describe implements prometheus.Collector.
func (m collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{networksDesc, endpointsDesc, revisionDesc, connectedDesc, syncedDesc, flowsDesc, repairsDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m collector) Collect(out chan<- prometheus.Metric) {
	v := m.c.snapshot()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	var networks, endpoints float64
	for range all[networkRecord](v, tableNetwork) {
		networks++
	}
	for range all[endpointRecord](v, tableEndpoint) {
		endpoints++
	}
	gauge(networksDesc, networks)
	gauge(endpointsDesc, endpoints)
	gauge(revisionDesc, float64(m.c.Revision()))
	for h := range all[hostRecord](v, tableHost) {
		l := v.link(h.SystemID)
		gauge(connectedDesc, truth(l.OVSDB), h.Name, "ovsdb")
		gauge(connectedDesc, truth(l.OpenFlow), h.Name, "openflow")
		gauge(syncedDesc, truth(l.synchronized()), h.Name)
		gauge(flowsDesc, float64(l.Flows), h.Name)
		out <- prometheus.MustNewConstMetric(repairsDesc, prometheus.CounterValue, float64(l.Repairs), h.Name)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
