package core

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
)

// ReturnHostsMost is how many hosts a team may register.
const ReturnHostsMost = 50

func returnHosts(r reader, teamID string) ([]string, error) {
	hosts := []string{}
	err := r.each(`SELECT host FROM return_hosts WHERE team_id = $1`, []any{teamID}, func(scan func(...any) error) error {
		var host string
		err := scan(&host)
		hosts = append(hosts, host)
		return err
	})
	slices.Sort(hosts)
	return hosts, err
}

func (t *tx) storeReturnHosts(teamID string, hosts []string) error {
	if _, err := t.exec(`DELETE FROM return_hosts WHERE team_id = $1`, teamID); err != nil {
		return err
	}
	for _, host := range hosts {
		if _, err := t.exec(`INSERT INTO return_hosts (team_id, host) VALUES ($1, $2)`, teamID, host); err != nil {
			return err
		}
	}
	return nil
}

// hostShape is a name of letters, digits and hyphens in labels, or an address of
// the fourth version, and perhaps a port: nothing that two programs could read in
// two ways. Other scripts are written as xn--….
var hostShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*(:[1-9][0-9]{0,4})?$`)

// FoldHost writes a host as it is compared: small letters, no final dot, no port
// that its scheme implies. "" for what is no host.
func FoldHost(scheme, host string) string {
	host = strings.ToLower(host)
	name, port, ported := strings.Cut(host, ":")
	name = strings.TrimSuffix(name, ".")
	if ported && !(scheme == "https" && port == "443" || scheme == "http" && port == "80") {
		name += ":" + port
	}
	if len(name) > 259 || !hostShape.MatchString(name) {
		return ""
	}
	return name
}

// readHosts reads the hosts of a form. Refuses: host-invalid, too-many-hosts.
func readHosts(texts []string) ([]string, error) {
	var hosts []string
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		host := FoldHost("https", text)
		if host == "" {
			return nil, refuseField(HostInvalid, "return_hosts").with("host", cut(text, 80))
		}
		hosts = append(hosts, host)
	}
	slices.SortFunc(hosts, cmp.Compare[string])
	if hosts = slices.Compact(hosts); len(hosts) > ReturnHostsMost {
		return nil, refuseField(TooManyHosts, "return_hosts").with("n", ReturnHostsMost)
	}
	return hosts, nil
}

// MayReturnTo says whether a sign-in may lead back to a host (as FoldHost writes
// it): for somebody signed in, one that their team registered; for nobody yet, one
// that any team did.
func (c *Core) MayReturnTo(ctx context.Context, by Actor, host string) (bool, error) {
	if host == "" {
		return false, nil
	}
	where, args := `host = $1`, []any{host}
	if by.session != nil {
		where, args = where+` AND team_id = $2`, append(args, by.session.User.Team.ID)
	}
	var n int
	err := c.read(ctx).row(`SELECT COUNT(*) FROM return_hosts WHERE `+where, args...).Scan(&n)
	return n > 0, err
}
