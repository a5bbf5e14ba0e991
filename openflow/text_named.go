package openflow

import (
	"fmt"
	"strings"
)

// The texts in which ports and tables may have names.

func (a Output) String() string         { return a.text(Names{}) }
func (a OutputTrunc) String() string    { return a.text(Names{}) }
func (a Resubmit) String() string       { return a.text(Names{}) }
func (a CT) String() string             { return a.text(Names{}) }
func (a Clone) String() string          { return a.text(Names{}) }
func (a Learn) String() string          { return a.text(Names{}) }
func (a Bundle) String() string         { return a.text(Names{}) }
func (a SetField) String() string       { return a.text(Names{}) }
func (a MaskedSetField) String() string { return a.text(Names{}) }
func (i GotoTable) String() string      { return i.text(Names{}) }
func (i ApplyActions) String() string   { return i.text(Names{}) }
func (i WriteActions) String() string   { return i.text(Names{}) }

func (a Output) text(n Names) string {
	switch {
	case a.Port == PortController:
		return fmt.Sprintf("CONTROLLER:%d", a.MaxLen)
	case a.Port >= PortMax:
		return portText(a.Port, n)
	}
	return "output:" + portText(a.Port, n)
}

func (a OutputTrunc) text(n Names) string {
	return fmt.Sprintf("output(port=%s,max_len=%d)", portText(port32(a.Port), n), a.MaxLen)
}

func (a Resubmit) text(n Names) string {
	port, table := "", ""
	if a.Port != PortInPort&0xffff {
		port = portText(port32(a.Port), n)
		if a.Table == TableAll {
			return "resubmit:" + port
		}
	}
	if a.Table != TableAll {
		table = tableText(a.Table, n)
	}
	if a.CT {
		table += ",ct"
	}
	return "resubmit(" + port + "," + table + ")"
}

func (a CT) text(n Names) string {
	var parts []string
	if a.Flags&CTCommit != 0 {
		parts = append(parts, "commit")
	}
	if a.Flags&CTForce != 0 {
		parts = append(parts, "force")
	}
	if a.Table != NoTable {
		parts = append(parts, "table="+tableText(a.Table, n))
	}
	if a.ZoneFrom.Field != nil {
		parts = append(parts, "zone="+a.ZoneFrom.String())
	} else if a.Zone != 0 {
		parts = append(parts, fmt.Sprintf("zone=%d", a.Zone))
	}
	nested := a.Nested
	if len(nested) > 0 {
		if nat, ok := nested[0].(NAT); ok {
			parts = append(parts, nat.String())
			nested = nested[1:]
		}
	}
	if len(nested) > 0 {
		parts = append(parts, "exec("+FormatActions(nested, n)+")")
	}
	switch a.ALG {
	case 0:
	case ALGFTP:
		parts = append(parts, "alg=ftp")
	case ALGTFTP:
		parts = append(parts, "alg=tftp")
	default:
		parts = append(parts, fmt.Sprintf("alg=%d", a.ALG))
	}
	return "ct(" + strings.Join(parts, ",") + ")"
}

func (a Clone) text(n Names) string { return "clone(" + FormatActions(a.Actions, n) + ")" }

func (a SetField) text(n Names) string {
	return "set_field:" + a.Field.text(a.Value, a.Mask, n) + "->" + a.Field.Name
}

func (a MaskedSetField) text(n Names) string { return SetField(a).text(n) }

func (i GotoTable) text(n Names) string { return "goto_table:" + tableText(i.Table, n) }

// Without actions, apply_actions has no text: OVS does not dump it either.
func (i ApplyActions) text(n Names) string {
	if len(i.Actions) == 0 {
		return ""
	}
	return FormatActions(i.Actions, n)
}

func (i WriteActions) text(n Names) string {
	return "write_actions(" + FormatActions(i.Actions, n) + ")"
}

func (a Bundle) text(n Names) string {
	ports := make([]string, len(a.Ports))
	for i, p := range a.Ports {
		ports[i] = portText(port32(p), n)
	}
	head, dst := "bundle(", ""
	if a.Dst.Field != nil {
		head, dst = "bundle_load(", a.Dst.String()+","
	}
	return fmt.Sprintf("%s%s,%d,%s,ofport,%smembers:%s)", head, nameOf(hashNames, a.Fields), a.Basis,
		nameOf(bundleNames, a.Algorithm), dst, strings.Join(ports, ","))
}

func (a Learn) text(n Names) string {
	parts := []string{"table=" + tableText(a.Table, n)}
	add := func(name string, v uint64) {
		if v != 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", name, v))
		}
	}
	add("idle_timeout", uint64(a.IdleTimeout))
	add("hard_timeout", uint64(a.HardTimeout))
	add("fin_idle_timeout", uint64(a.FinIdleTimeout))
	add("fin_hard_timeout", uint64(a.FinHardTimeout))
	if a.Priority != 0x8000 {
		parts = append(parts, fmt.Sprintf("priority=%d", a.Priority))
	}
	if a.Flags&LearnSendFlowRemoved != 0 {
		parts = append(parts, "send_flow_rem")
	}
	if a.Flags&LearnDeleteLearned != 0 {
		parts = append(parts, "delete_learned")
	}
	if a.Cookie != 0 {
		parts = append(parts, fmt.Sprintf("cookie=%#x", a.Cookie))
	}
	add("limit", uint64(a.Limit))
	if a.Flags&LearnWriteResult != 0 {
		parts = append(parts, "result_dst="+a.Result.String())
	}
	for _, s := range a.Specs {
		parts = append(parts, s.text(n))
	}
	return "learn(" + strings.Join(parts, ",") + ")"
}

func (s LearnSpec) text(n Names) string {
	src := ""
	if s.Src.Field != nil {
		src = s.Src.String()
	}
	switch {
	case s.Kind == LearnOutput:
		return "output:" + src
	case s.Kind == LearnLoad && src == "":
		return "load:" + hexText(s.Value) + "->" + s.Dst.String()
	case s.Kind == LearnLoad:
		return "load:" + src + "->" + s.Dst.String()
	case src == s.Dst.String():
		return src
	case src != "":
		return s.Dst.String() + "=" + src
	case s.Dst.isWhole() && s.Dst.Field.size > 0 && len(s.Value) >= s.Dst.Field.size:
		value := s.Value[len(s.Value)-s.Dst.Field.size:]
		return s.Dst.Field.Name + "=" + s.Dst.Field.exactText(value, n)
	}
	return s.Dst.String() + "=" + hexText(s.Value)
}
