package membership

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(24)
		c.forgetTold()
		c.net.part(apartAt(hostAddress(23)))
		time.Sleep(8 * time.Second)
		c.net.part(nil)
		start := time.Now()
		for range 60 {
			why := map[string]int{}
			for _, m := range all {
				for _, o := range m.View().Members {
					if o.State != Alive {
						d := ""
						if o.declared {
							d = " declared"
						}
						why[m.cfg.Name+" sees "+o.Name+" "+string(o.State)+d]++
					}
				}
			}
			t.Log(time.Since(start), why)
			time.Sleep(time.Second)
		}
	})
}
