package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

type twoStepAnswer struct {
	State             string          `json:"state" enum:"off,active,due"`
	Authenticators    []authenticator `json:"authenticators" nullable:"false"`
	RecoveryCodesLeft int             `json:"recovery_codes_left"`
	CodesBlocked      bool            `json:"recovery_codes_blocked,omitempty" doc:"After too many wrong tries: the set works no more"`
	DueBy             *time.Time      `json:"due_by" doc:"In off: until when it may wait. In due: when the account closes unless it is active by then. Else null"`
	PassRequired      bool            `json:"pass_required" doc:"A re-activation pass has to come with POST /two-step/activation"`
}

type authenticator struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind" enum:"app"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	Blocked    bool       `json:"blocked,omitempty" doc:"After too many wrong codes: it works no more"`
}

type recoveryCodesAnswer struct {
	RecoveryCodes []string `json:"recovery_codes" nullable:"false" doc:"Ten single-use codes, shown this once"`
}

func (a *API) twoStep() {
	add(a, operation{
		method: http.MethodGet, path: "/two-step", needs: core.NeedActivation, id: "get-two-step", tag: tagTwoStep,
		summary: "How my 2-step authentication stands", description: "Numbers and names, never a key or a code.",
	}, func(ctx context.Context, c *call, _ *nothing) (*answer[twoStepAnswer], error) {
		s, err := a.core.TwoStepStatus(ctx, c.by)
		if err != nil {
			return nil, err
		}
		return &answer[twoStepAnswer]{Body: twoStepOf(s)}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/two-step/recovery-codes", needs: core.NeedSteppedUp, id: "renew-recovery-codes", tag: tagTwoStep,
		summary: "Make new recovery codes", description: "The old ones are dead at once. The new ones are in this answer and in no other.",
		refuses: []core.Code{core.NotActive, core.ServerBusy},
	}, a.renewRecoveryCodes)
}

func (a *API) renewRecoveryCodes(ctx context.Context, c *call, _ *optional[nothing]) (*answer[recoveryCodesAnswer], error) {
	codes, err := a.core.RenewRecoveryCodes(ctx, c.by)
	if err != nil {
		return nil, err
	}
	// Core keeps them readable for the reload of a page. A client has them now, and
	// whoever steals its token within the hour must not read them there (R10).
	if err := a.core.FinishRecoveryCodes(ctx, c.by, true); err != nil {
		a.log.WarnContext(ctx, "renewed recovery codes stay readable to their session for an hour", "error", err)
	}
	return &answer[recoveryCodesAnswer]{Body: recoveryCodesAnswer{RecoveryCodes: codes}}, nil
}

func twoStepOf(s *core.TwoStepStatus) twoStepAnswer {
	out := twoStepAnswer{
		State: string(s.State), Authenticators: make([]authenticator, len(s.Authenticators)), RecoveryCodesLeft: s.RecoveryCodesLeft, DueBy: when(s.DueBy), PassRequired: s.PassWanted != nil,
		CodesBlocked: s.CodesBlocked,
	}
	for i, x := range s.Authenticators {
		out.Authenticators[i] = authenticator{ID: x.ID, Kind: x.Kind, Name: x.Name, CreatedAt: x.CreatedAt, LastUsedAt: when(x.LastUsedAt), Blocked: x.Blocked}
	}
	return out
}
