package doorstep_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/server"
)

// The security walk: every route of the program, tried by everybody who may come
// along. What must come of it is written here a second time, by need, and not
// taken from the code that decides it.

// The visitors.
const (
	nobody     = "nobody"
	half       = "half signed in"        // a right password, no second step
	newcomer   = "newcomer"              // a member who signed in with the password alone, 2-step off
	activation = "activation only"       // an owner in state `due`
	member     = "member"                // with both steps, just now; and so the next two
	admin      = "admin"                 //
	owner      = "owner"                 //
	stale      = "owner, 11 minutes ago" // who signed in with both steps that long ago
	recovered  = "owner by recovery code"
	stranger   = "stranger" // the owner of another team
)

var visitors = []string{nobody, half, newcomer, activation, member, admin, owner, stale, recovered, stranger}

// refusedTo is who is refused by a need, and with which problem. Whoever is not
// here gets in.
var refusedTo = map[core.Need]map[string]core.Code{
	core.NeedOpen:    {},
	core.NeedAttempt: {}, // see outcome
	core.NeedToken: {
		nobody: core.SetupUsed, half: core.SetupUsed, newcomer: core.SetupUsed, activation: core.SetupUsed, member: core.SetupUsed,
		admin: core.SetupUsed, owner: core.SetupUsed, stale: core.SetupUsed, recovered: core.SetupUsed, stranger: core.SetupUsed,
	},
	core.NeedSession:    {nobody: core.NotSignedIn, half: core.NotSignedIn},
	core.NeedActivation: {nobody: core.NotSignedIn, half: core.NotSignedIn},
	core.NeedSignedIn:   {nobody: core.NotSignedIn, half: core.NotSignedIn, activation: core.ActivationRequired},
	core.NeedProxy:      {nobody: core.NotSignedIn, half: core.NotSignedIn, activation: core.ActivationRequired},
	core.NeedAdmin: {
		nobody: core.NotSignedIn, half: core.NotSignedIn, activation: core.ActivationRequired, newcomer: core.AdminOnly, member: core.AdminOnly,
	},
	core.NeedOwner: {
		nobody: core.NotSignedIn, half: core.NotSignedIn, activation: core.ActivationRequired, newcomer: core.OwnerOnly, member: core.OwnerOnly, admin: core.OwnerOnly,
	},
	core.NeedSteppedUp: {
		nobody: core.NotSignedIn, half: core.NotSignedIn, activation: core.ActivationRequired,
		stale: core.StepUpRequired, recovered: core.RecoverySession,
	},
	core.NeedSteppedUpAdmin: {
		nobody: core.NotSignedIn, half: core.NotSignedIn, activation: core.ActivationRequired, newcomer: core.AdminOnly, member: core.AdminOnly,
		stale: core.StepUpRequired, recovered: core.RecoverySession,
	},
}

// sample is how a route is asked for, and what the owner who has just signed in
// gets. Ids are Carla's, those of requests her open one's; {match} is its match code.
type sample struct {
	needs core.Need
	owner int
	body  string // JSON, or the fields of a form besides the token
}

// samples has every route: a new one fails until somebody says here what it needs.
var samples = map[string]sample{
	"GET /api/v1/":             {core.NeedOpen, 404, ""},
	"POST /api/v1/":            {core.NeedOpen, 404, `{}`},
	"PUT /api/v1/":             {core.NeedOpen, 404, `{}`},
	"PATCH /api/v1/":           {core.NeedOpen, 404, `{}`},
	"DELETE /api/v1/":          {core.NeedOpen, 404, ""},
	"OPTIONS /api/v1/":         {core.NeedOpen, 404, ""},
	"TRACE /api/v1/":           {core.NeedOpen, 404, ""},
	"GET /api/v1/openapi.json": {core.NeedOpen, 200, ""},

	"POST /api/v1/sign-in":             {core.NeedOpen, 401, `{"email":"nobody@example.com","password":"none of theirs"}`},
	"POST /api/v1/sign-in/second-step": {core.NeedAttempt, 410, `{"attempt":"none","code":"123456"}`},
	"GET /api/v1/session":              {core.NeedSession, 200, ""},
	"DELETE /api/v1/session":           {core.NeedSession, 204, ""},
	"GET /api/v1/sessions":             {core.NeedSignedIn, 200, ""},
	"DELETE /api/v1/sessions":          {core.NeedSignedIn, 200, ""},
	"DELETE /api/v1/sessions/{id}":     {core.NeedSignedIn, 200, ""},
	"GET /api/v1/devices":              {core.NeedSignedIn, 200, ""},
	"DELETE /api/v1/devices/{id}":      {core.NeedSignedIn, 404, ""},
	"POST /api/v1/step-up":             {core.NeedSignedIn, 422, `{"password":"not the password at all","code":"123456"}`},

	"GET /api/v1/two-step":                     {core.NeedActivation, 200, ""},
	"POST /api/v1/two-step/activation":         {core.NeedActivation, 409, `{}`},
	"POST /api/v1/two-step/activation/confirm": {core.NeedActivation, 409, `{"activation":"none","code":"123456"}`},
	"POST /api/v1/two-step/activation/finish":  {core.NeedActivation, 409, `{"activation":"none","saved":true}`},
	"POST /api/v1/two-step/deactivate":         {core.NeedSignedIn, 422, `{"code":"12345"}`},
	"POST /api/v1/two-step/recovery-codes":     {core.NeedSteppedUp, 200, `{}`},

	"GET /api/v1/team/users":                        {core.NeedAdmin, 200, ""},
	"GET /api/v1/team/users/{id}":                   {core.NeedAdmin, 200, ""},
	"PATCH /api/v1/team/users/{id}":                 {core.NeedAdmin, 200, `{"name":"Carla N."}`},
	"DELETE /api/v1/team/users/{id}":                {core.NeedSteppedUpAdmin, 204, ""},
	"DELETE /api/v1/team/users/{id}/sessions":       {core.NeedAdmin, 200, ""},
	"POST /api/v1/team/users/{id}/restart-two-step": {core.NeedSteppedUpAdmin, 200, `{"reason":"lost phone","verified_by":"in_person"}`},

	"POST /api/v1/team/users":                   {core.NeedAdmin, 201, `{"email":"new@example.com","role":"member"}`},
	"POST /api/v1/team/users/{id}/invitation":   {core.NeedAdmin, 409, ""},
	"DELETE /api/v1/team/users/{id}/invitation": {core.NeedAdmin, 409, ""},
	"POST /api/v1/team/imports":                 {core.NeedSteppedUpAdmin, 201, `{"csv":"email\nnew@example.com"}`},
	"POST /api/v1/team/imports/{id}/confirm":    {core.NeedSteppedUpAdmin, 404, `{}`},
	"GET /api/v1/team/readiness":                {core.NeedAdmin, 200, ""},
	"POST /api/v1/sign-in/ask":                  {core.NeedAttempt, 410, `{"attempt":"none","happened":"lost_phone"}`},
	"GET /api/v1/sign-in/ask":                   {core.NeedAttempt, 410, ""},
	"DELETE /api/v1/sign-in/ask":                {core.NeedAttempt, 410, ""},
	"GET /api/v1/team/requests":                 {core.NeedAdmin, 200, ""},
	"GET /api/v1/team/requests/{id}":            {core.NeedAdmin, 200, ""},
	"POST /api/v1/team/requests/{id}/approve":   {core.NeedSteppedUpAdmin, 200, `{"match_code":"{match}","reason":"lost phone, she says","verified_by":"in_person"}`},
	"POST /api/v1/team/requests/{id}/refuse":    {core.NeedSteppedUpAdmin, 204, `{}`},

	"GET /api/v1/team/users/{id}/was-this-them":  {core.NeedAdmin, 404, "?restart=none"},
	"POST /api/v1/team/users/{id}/was-this-them": {core.NeedAdmin, 404, `{"restart":"none","answer":"yes"}`},
	"GET /team/users/{id}/was-this-them":         {core.NeedAdmin, 404, "?restart=none"},
	"POST /team/users/{id}/was-this-them":        {core.NeedAdmin, 404, "restart=none&answer=yes"},
	"POST /api/v1/not-me":                        {core.NeedOpen, 410, `{"token":"none"}`},
	"GET /not-me/{token}":                        {core.NeedOpen, 410, ""},
	"GET /not-me":                                {core.NeedToken, 410, ""},
	"POST /not-me":                               {core.NeedToken, 410, ""},
	"GET /api/v1/team/letters":                   {core.NeedOwner, 200, ""},
	"POST /api/v1/team/letters/resend-all":       {core.NeedOwner, 200, ""},
	"POST /api/v1/team/letters/{id}/resend":      {core.NeedOwner, 404, ""},
	"GET /api/v1/notification-address":           {core.NeedSignedIn, 200, ""},
	"PUT /api/v1/notification-address":           {core.NeedSteppedUp, 200, `{"email":"second@example.net"}`},
	"DELETE /api/v1/notification-address":        {core.NeedSteppedUp, 204, ""},
	"POST /api/v1/notification-address/confirm":  {core.NeedOpen, 410, `{"token":"none"}`},
	"GET /api/v1/team/restarts":                  {core.NeedAdmin, 200, ""},
	"POST /api/v1/team/restarts/{id}/approve":    {core.NeedSteppedUpAdmin, 200, ""},
	"POST /api/v1/team/restarts/{id}/refuse":     {core.NeedAdmin, 204, ""},

	"GET /api/v1/home":            {core.NeedSignedIn, 200, ""},
	"POST /api/v1/home/put-away":  {core.NeedSignedIn, 204, `{"item":"second_address"}`},
	"POST /put-away":              {core.NeedSignedIn, 303, "item=second_address"},
	"POST /api/v1/setup":          {core.NeedToken, 409, `{"token":"none","team":"Mine","name":"Me","email":"me@example.com","password":"none of theirs"}`},
	"POST /api/v1/password/first": {core.NeedToken, 410, `{"token":"none","password":"none of theirs"}`},
	"PUT /api/v1/language":        {core.NeedSignedIn, 204, `{"language":"es"}`},

	"GET /forward-auth":               {core.NeedProxy, 200, ""},
	"GET /forward-auth/{path...}":     {core.NeedProxy, 200, ""},
	"POST /forward-auth":              {core.NeedProxy, 200, ""},
	"POST /forward-auth/{path...}":    {core.NeedProxy, 200, ""},
	"PUT /forward-auth":               {core.NeedProxy, 200, ""},
	"PUT /forward-auth/{path...}":     {core.NeedProxy, 200, ""},
	"PATCH /forward-auth":             {core.NeedProxy, 200, ""},
	"PATCH /forward-auth/{path...}":   {core.NeedProxy, 200, ""},
	"DELETE /forward-auth":            {core.NeedProxy, 200, ""},
	"DELETE /forward-auth/{path...}":  {core.NeedProxy, 200, ""},
	"OPTIONS /forward-auth":           {core.NeedProxy, 200, ""},
	"OPTIONS /forward-auth/{path...}": {core.NeedProxy, 200, ""},
	"TRACE /forward-auth":             {core.NeedProxy, 200, ""},
	"TRACE /forward-auth/{path...}":   {core.NeedProxy, 200, ""},

	"GET /api/v1/team/audit":        {core.NeedAdmin, 200, ""},
	"GET /api/v1/team/audit/export": {core.NeedAdmin, 200, ""},
	"GET /api/v1/team/audit/{id}":   {core.NeedAdmin, 404, ""},
	"GET /team/audit":               {core.NeedAdmin, 200, ""},
	"GET /team/audit/export":        {core.NeedAdmin, 200, "?format=csv"},
	"GET /team/audit/{id}":          {core.NeedAdmin, 404, ""},

	"GET /api/v1/team/policy":   {core.NeedAdmin, 200, ""},
	"PATCH /api/v1/team/policy": {core.NeedSteppedUpAdmin, 200, `{"session_idle_seconds":7200}`},

	"GET /help":                            {core.NeedOpen, 200, "?q=2FA"},
	"GET /help/{article}":                  {core.NeedOpen, 200, ""},
	"POST /help/{article}/vote":            {core.NeedOpen, 303, "helpful=yes"},
	"POST /help/{article}/comments":        {core.NeedSignedIn, 303, "text=Take+the+app+that+Bruno+uses."},
	"POST /help/{article}/comments/delete": {core.NeedSignedIn, 303, "comment=none"},
	"POST /help/{article}/comments/hide":   {core.NeedOwner, 404, "comment=none&hidden=true"},
	"GET /help/requests/new":               {core.NeedOpen, 200, ""},
	"POST /help/requests/new":              {core.NeedOpen, 303, "about=other&text=Which+app+do+we+use"},
	"GET /help/requests/{id}":              {core.NeedSignedIn, 404, ""},
	"POST /help/requests/{id}/messages":    {core.NeedSignedIn, 404, "text=The+one+on+the+list."},
	"POST /help/requests/{id}/close":       {core.NeedSignedIn, 404, ""},

	"GET /api/v1/help":                         {core.NeedOpen, 200, ""},
	"GET /api/v1/help/{article}":               {core.NeedOpen, 200, ""},
	"PUT /api/v1/help/{article}/vote":          {core.NeedSignedIn, 200, `{"helpful":true}`},
	"GET /api/v1/help/comments":                {core.NeedSignedIn, 200, "?article=activate"},
	"POST /api/v1/help/{article}/comments":     {core.NeedSignedIn, 201, `{"text":"Take the app that Bruno uses."}`},
	"DELETE /api/v1/help/comments/{id}":        {core.NeedSignedIn, 404, ""},
	"PATCH /api/v1/help/comments/{id}":         {core.NeedOwner, 404, `{"hidden":true}`},
	"POST /api/v1/help/requests":               {core.NeedSignedIn, 201, `{"about":"other","text":"Which app do we use?"}`},
	"POST /api/v1/help/requests/signed-out":    {core.NeedOpen, 409, `{"about":"other","text":"Hello","email":"who@example.net"}`},
	"GET /api/v1/help/requests":                {core.NeedSignedIn, 200, ""},
	"GET /api/v1/help/requests/{id}":           {core.NeedSignedIn, 404, ""},
	"POST /api/v1/help/requests/{id}/messages": {core.NeedSignedIn, 404, `{"text":"The one on the list."}`},
	"POST /api/v1/help/requests/{id}/close":    {core.NeedSignedIn, 404, ""},
	"GET /api/v1/team/questions":               {core.NeedAdmin, 200, ""},

	"GET /{$}":                   {core.NeedSignedIn, 200, ""},
	"POST /language":             {core.NeedOpen, 303, "lang=es&back=/me"},
	"GET /sign-in":               {core.NeedOpen, 200, ""},
	"POST /sign-in":              {core.NeedOpen, 401, "email=nobody@example.com&password=none+of+theirs"},
	"GET /sign-in/second-step":   {core.NeedAttempt, 303, ""},
	"POST /sign-in/second-step":  {core.NeedAttempt, 303, "code=12345"},
	"GET /sign-in/ask":           {core.NeedAttempt, 303, ""},
	"POST /sign-in/ask":          {core.NeedAttempt, 303, "happened=lost_phone"},
	"POST /sign-in/ask/withdraw": {core.NeedAttempt, 303, ""},
	"GET /sign-out":              {core.NeedSession, 200, ""},
	"POST /sign-out":             {core.NeedSession, 303, ""},
	"GET /session/watch":         {core.NeedSession, 204, "?once=1"},
	"GET /assets/{name}":         {core.NeedOpen, 404, ""},
	"GET /favicon.ico":           {core.NeedOpen, 200, ""},
	"GET /healthz":               {core.NeedOpen, 200, ""},
	"GET /readyz":                {core.NeedOpen, 200, ""},
	"GET /set-password/{token}":  {core.NeedOpen, 410, ""},
	"GET /set-password/form":     {core.NeedToken, 410, ""},
	"POST /set-password/form":    {core.NeedToken, 410, "password=none+of+theirs"},
	"GET /setup/{token}":         {core.NeedOpen, 409, ""},
	"GET /setup":                 {core.NeedToken, 409, ""},
	"POST /setup":                {core.NeedToken, 409, "team=Mine&name=Me&email=me@example.com&password=none+of+theirs"},
	"GET /me":                    {core.NeedSignedIn, 200, ""},
	"GET /me/confirm":            {core.NeedSignedIn, 200, ""},
	"POST /me/confirm":           {core.NeedSignedIn, 422, "password=not+the+password+at+all&code=123456"},
	"GET /me/sessions":           {core.NeedSignedIn, 200, ""},
	"POST /me/sessions/end":      {core.NeedSignedIn, 303, "session=none"},
	"POST /me/sessions/others":   {core.NeedSignedIn, 303, ""},
	"POST /me/sessions/forget":   {core.NeedSignedIn, 303, "device=none"},
	"GET /me/two-step":           {core.NeedSignedIn, 200, ""},
	"GET /me/two-step/activate":  {core.NeedActivation, 303, ""},
	"POST /me/two-step/activate": {core.NeedActivation, 303, "activation=none&code=123456"},

	"POST /me/two-step/activate/over":         {core.NeedActivation, 303, ""},
	"POST /me/two-step/activate/pass":         {core.NeedActivation, 303, "pass=none"},
	"POST /me/two-step/activate/finish":       {core.NeedActivation, 303, "activation=none&saved=true"},
	"GET /me/two-step/recovery-codes":         {core.NeedSignedIn, 200, ""},
	"POST /me/two-step/recovery-codes":        {core.NeedSteppedUp, 303, ""},
	"POST /me/two-step/recovery-codes/finish": {core.NeedSignedIn, 303, "saved=true"},
	"GET /me/two-step/deactivate":             {core.NeedSignedIn, 200, ""},
	"POST /me/two-step/deactivate":            {core.NeedSignedIn, 422, "code=12345"},

	"POST /api/v1/password":        {core.NeedSession, 409, `{"password":"none of theirs"}`},
	"PUT /api/v1/password":         {core.NeedSteppedUp, 200, `{"new":"twelve green umbrellas"}`},
	"POST /api/v1/password/forgot": {core.NeedOpen, 204, `{"email":"nobody@example.com"}`},
	"POST /api/v1/password/reset":  {core.NeedToken, 410, `{"token":"none","new":"none of theirs","code":"123456"}`},
	"PUT /api/v1/email":            {core.NeedSteppedUp, 204, `{"email":"another@example.org"}`},
	"POST /api/v1/email/confirm":   {core.NeedToken, 410, `{"token":"none"}`},
	"POST /api/v1/email/undo":      {core.NeedToken, 410, `{"token":"none"}`},

	"GET /.well-known/change-password": {core.NeedOpen, 302, ""},
	"GET /forgot-password":             {core.NeedOpen, 200, ""},
	"POST /forgot-password":            {core.NeedOpen, 303, "email=nobody@example.com"},
	"GET /set-password/again":          {core.NeedToken, 410, ""},
	"POST /set-password/again":         {core.NeedToken, 410, "password=none+of+theirs&code=123456"},
	"GET /sign-in/new-password":        {core.NeedSession, 303, ""},
	"POST /sign-in/new-password":       {core.NeedSession, 303, "password=none+of+theirs"},
	"GET /me/password":                 {core.NeedSteppedUp, 200, ""},
	"POST /me/password":                {core.NeedSteppedUp, 303, "password=twelve+green+umbrellas"},
	"GET /me/email":                    {core.NeedSteppedUp, 200, ""},
	"POST /me/email":                   {core.NeedSteppedUp, 303, "email=another@example.org"},
	"GET /email/confirm/{token}":       {core.NeedOpen, 410, ""},
	"GET /email/confirm":               {core.NeedToken, 410, ""},
	"POST /email/confirm":              {core.NeedToken, 410, ""},
	"GET /email/undo/{token}":          {core.NeedOpen, 410, ""},
	"GET /email/undo":                  {core.NeedToken, 410, ""},
	"POST /email/undo":                 {core.NeedToken, 410, ""},

	"GET /team":                     {core.NeedAdmin, 200, ""},
	"GET /team/users/{id}":          {core.NeedAdmin, 200, ""},
	"GET /team/users/{id}/restart":  {core.NeedSteppedUpAdmin, 200, ""},
	"POST /team/users/{id}/restart": {core.NeedSteppedUpAdmin, 303, "reason=lost+phone&verified_by=in_person&seen="},

	"GET /team/users/{id}/role":               {core.NeedSteppedUpAdmin, 200, ""},
	"POST /team/users/{id}/role":              {core.NeedSteppedUpAdmin, 303, "role=admin"},
	"GET /team/users/{id}/rename":             {core.NeedAdmin, 200, ""},
	"POST /team/users/{id}/rename":            {core.NeedAdmin, 303, "name=Carla+N."},
	"GET /team/users/{id}/suspend":            {core.NeedSteppedUpAdmin, 200, ""},
	"POST /team/users/{id}/suspend":           {core.NeedSteppedUpAdmin, 303, ""},
	"GET /team/users/{id}/bringback":          {core.NeedSteppedUpAdmin, 303, ""},
	"POST /team/users/{id}/bringback":         {core.NeedSteppedUpAdmin, 303, ""},
	"GET /team/users/{id}/remove":             {core.NeedSteppedUpAdmin, 200, ""},
	"POST /team/users/{id}/remove":            {core.NeedSteppedUpAdmin, 303, ""},
	"POST /team/users/{id}/invite-again":      {core.NeedAdmin, 409, ""},
	"POST /team/users/{id}/cancel-invitation": {core.NeedAdmin, 409, ""},
	"GET /team/invite":                        {core.NeedAdmin, 200, ""},
	"POST /team/invite":                       {core.NeedAdmin, 303, "emails=new@example.com&role=member"},
	"GET /team/import":                        {core.NeedSteppedUpAdmin, 200, ""},
	"POST /team/import":                       {core.NeedSteppedUpAdmin, 303, "text=email%0Anew@example.com"},
	"GET /team/import-example":                {core.NeedAdmin, 200, ""},
	"GET /team/import/{id}":                   {core.NeedSteppedUpAdmin, 404, ""},
	"POST /team/import/{id}":                  {core.NeedSteppedUpAdmin, 404, ""},
	"GET /team/import/{id}/left-out":          {core.NeedSteppedUpAdmin, 404, ""},
	"GET /team/export":                        {core.NeedAdmin, 200, ""},

	"GET /team/users/{id}/sessions":    {core.NeedAdmin, 200, ""},
	"POST /team/users/{id}/sessions":   {core.NeedAdmin, 303, ""},
	"GET /team/policy":                 {core.NeedAdmin, 200, ""},
	"POST /team/policy":                {core.NeedSteppedUpAdmin, 303, "session_idle=2&session_idle_unit=hours"},
	"POST /team/policy/effect":         {core.NeedAdmin, 200, "session_idle=2&session_idle_unit=hours"},
	"GET /team/requests":               {core.NeedAdmin, 200, ""},
	"GET /team/requests/{id}":          {core.NeedSteppedUpAdmin, 200, ""},
	"POST /team/requests/{id}/approve": {core.NeedSteppedUpAdmin, 303, "match_code={match}&reason=lost+phone+she+says&verified_by=in_person"},
	"POST /team/requests/{id}/refuse":  {core.NeedSteppedUpAdmin, 303, ""},
	"GET /team/letters":                {core.NeedOwner, 200, ""},
	"POST /team/letters/resend-all":    {core.NeedOwner, 303, ""},
	"POST /team/letters/resend":        {core.NeedOwner, 404, "letter=none"},

	"GET /me/notification-address":         {core.NeedSignedIn, 200, ""},
	"POST /me/notification-address":        {core.NeedSteppedUp, 303, "email=second@example.net"},
	"POST /me/notification-address/remove": {core.NeedSteppedUp, 303, ""},
	"GET /notification-address/{token}":    {core.NeedOpen, 410, ""},
	"GET /notification-address/form":       {core.NeedToken, 410, ""},
	"POST /notification-address/form":      {core.NeedToken, 410, ""},
	"GET /team/restarts":                   {core.NeedAdmin, 200, ""},
	"GET /team/restarts/{id}":              {core.NeedSteppedUpAdmin, 200, ""},
	"POST /team/restarts/{id}/approve":     {core.NeedSteppedUpAdmin, 200, ""},
	"POST /team/restarts/{id}/refuse":      {core.NeedAdmin, 303, ""},
}

// outcome is what must come of it: "" when the visitor gets in.
func (v *visitor) outcome(r edge.Route) core.Code {
	switch code := refusedTo[r.Needs][v.name]; {
	case r.Needs == core.NeedAttempt && !isAPI(r) && v.name != half:
		return core.AttemptOver
	case r.Needs == core.NeedToken && !strings.HasPrefix(strings.TrimPrefix(r.Path, "/api/v1"), "/setup"):
		return core.LinkGone // nobody here has opened a link
	case code == "" && v.name == stranger && strings.Contains(r.Path, "{id}"):
		return core.Missing
	case v.name == recovered && r.Method == http.MethodPost && (r.Path == "/me/confirm" || r.Path == "/api/v1/step-up"):
		return core.RecoverySession // the verb's own: such a session never steps up
	case v.name == recovered && r.Path == "/me/two-step/recovery-codes":
		return core.RecoverySession
	case code == "" && strings.Contains(r.Path, "/import") && strings.Contains(r.Path, "{id}"):
		return core.Missing // nobody here has looked at a file
	case v.name == admin && r.Path == "/team/users/{id}/role":
		return core.OwnerOnly // the verb's own: roles are an owner's to change
	case v.name == recovered && r.Needs == core.NeedAdmin && (r.Method != http.MethodGet || r.Path == "/team/users/{id}/sessions" || r.Path == "/team/export"):
		return core.RecoverySession // the verb's own: such a session sees the team and acts on nobody
	case code == "" && strings.HasSuffix(r.Path, "/was-this-them"):
		return core.Missing // nobody here activated again after a restart
	case code == "" && strings.Contains(r.Path, "/letters/") && !strings.HasSuffix(r.Path, "-all"):
		return core.Missing // nothing was given up
	case code == "" && v.name == admin && strings.Contains(r.Path, "/restarts/{id}"):
		return core.Missing // it is about them
	case v.name == activation && r.Method == http.MethodPost && (r.Path == "/help/{article}/vote" || r.Path == "/help/requests/new"):
		return core.ActivationRequired // the verb's own: R6, though the page is open
	case code == "" && r.Path == "/help/{article}/comments/hide":
		return core.Missing // there is none
	case code == "" && (strings.Contains(r.Path, "/help/comments/{id}") || strings.Contains(r.Path, "/help/requests/{id}")):
		return core.Missing // nobody here has written one
	case code == "" && strings.Contains(r.Path, "/devices/{id}"):
		return core.Missing // nobody here has a remembered device
	case code == "" && strings.Contains(r.Path, "/audit/{id}"):
		return core.Missing // the id of a person is no event's
	case v.name == admin && r.Method != http.MethodGet && strings.Contains(r.Path, "/team/policy"):
		return core.OwnerOnly // the verb's own: admins read it
	case v.name == stale && r.Method == http.MethodGet && r.Path == "/me/two-step/recovery-codes":
		return core.StepUpRequired // the page's own: it shows codes that were just made without one
	default:
		return code
	}
}

// doors are the problems of somebody who did not get in.
var doors = []core.Code{
	core.NotSignedIn, core.SessionEnded, core.ActivationRequired, core.AdminOnly, core.OwnerOnly, core.StepUpRequired, core.RecoverySession, core.Missing,
}

// check compares an answer with what must come of it.
func (v *visitor) check(t *testing.T, r edge.Route, answer *apptest.Answer) {
	t.Helper()
	want, leads := v.outcome(r), answer.Header.Get("Location")
	fail := func() {
		t.Helper()
		t.Errorf("%s: %s: want %q, got %d %s %s", v.name, r, want, answer.Status, leads, shortened(answer.Body))
	}
	switch {
	case answer.Status >= 500:
		fail()
	case want == "" && isAPI(r):
		if slices.Contains(doors, core.Code(answer.Problem())) && r.Path != "/api/v1/" {
			fail()
		}
	case want == "":
		away := strings.HasPrefix(leads, "/me/confirm") || strings.HasPrefix(leads, "/sign-in") && leads != "/sign-in/ask" && r.Path != "/sign-out" && r.Needs != core.NeedOpen
		if answer.Status == http.StatusForbidden || answer.Status == http.StatusUnauthorized && r.Path != "/sign-in" || away {
			fail()
		}
	case isAPI(r):
		if core.Code(answer.Problem()) != want || answer.Status != edge.Status((&core.Refusal{Code: want}).Kind()) {
			fail()
		}
	case !v.led(r, want, answer.Status, leads):
		fail()
	}
	if v.name == owner && answer.Status != samples[r.Method+" "+r.Path].owner {
		t.Errorf("%s: %s: got %d %s %s, want %d", v.name, r, answer.Status, leads, shortened(answer.Body), samples[r.Method+" "+r.Path].owner)
	}
}

// led says whether a page refused as it must: some refusals lead somewhere.
func (v *visitor) led(r edge.Route, want core.Code, status int, leads string) bool {
	switch {
	case r.Needs == core.NeedProxy:
		return status == http.StatusUnauthorized && leads == "" // a program asks
	case want == core.NotSignedIn && r.Path == "/session/watch":
		return status == http.StatusUnauthorized // a script asks
	case want == core.AttemptOver && v.token != "" && leads == "/": // they are signed in
		return status == http.StatusSeeOther
	case want == core.NotSignedIn || want == core.AttemptOver:
		return status == http.StatusSeeOther && (leads == "/sign-in" || strings.HasPrefix(leads, "/sign-in?next="))
	case want == core.ActivationRequired && r.Method == http.MethodGet:
		return status == http.StatusSeeOther && strings.HasPrefix(leads, "/me/two-step/activate")
	case want == core.StepUpRequired && r.Method == http.MethodGet:
		return status == http.StatusSeeOther && strings.HasPrefix(leads, "/me/confirm?next=")
	case want == core.SetupUsed: // also the form of a link that nobody opened
		return status == http.StatusConflict || status == http.StatusGone
	case want == core.LinkGone:
		return status == http.StatusGone || status == http.StatusForbidden // the form itself, or its token
	case want == core.Missing:
		return status == http.StatusNotFound
	}
	return status == http.StatusForbidden
}

func shortened(body []byte) string { return string(body[:min(len(body), 300)]) }

// ASVS 3.2.1, ASVS 3.4.2, ASVS 3.4.3, ASVS 3.4.4, ASVS 3.4.5, ASVS 3.4.6, ASVS 3.4.8, ASVS 3.5.8, ASVS 3.6.1, ASVS 7.2.1
// ASVS 8.2.1, ASVS 8.3.1, ASVS 13.4.5, ASVS 14.2.2, ASVS 14.2.3, ASVS 14.3.2, T-CACHE-1, P3
func TestWalk(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	t.Run("every route is classified", func(t *testing.T) {
		everyRouteIsHere(t, apptest.Start(t, apptest.Options{State: state}))
	})
	// ASVS 2.3.1, T-STEP-1
	t.Run("T-STEP-1", func(t *testing.T) { walkAs(t, state, in[half]) })
	for _, name := range visitors {
		if name != half {
			t.Run(name, func(t *testing.T) { walkAs(t, state, in[name]) })
		}
	}
}

// everyRouteIsHere holds this table against the program's own.
func everyRouteIsHere(t *testing.T, a *apptest.App) {
	printed, err := server.Routes()
	if err != nil {
		t.Fatal(err)
	}
	own := edge.Print(a.Routes)
	if printed != own {
		t.Errorf("`doorstep routes` prints what these tests do not walk: %s\nand they walk what it does not print: %s", difference(own, printed), difference(printed, own))
	}
	known := map[string]bool{}
	for _, r := range a.Routes {
		name := r.Method + " " + r.Path
		known[name] = true
		s, classified := samples[name]
		switch {
		case !classified:
			t.Errorf("nobody has said in walk_test.go what %s needs", name)
		case s.needs != r.Needs:
			t.Errorf("%s needs %q, and walk_test.go says %q", name, r.Needs, s.needs)
		}
	}
	for name := range samples {
		if !known[name] {
			t.Errorf("walk_test.go has %s, which is no route", name)
		}
	}
}

// walkAs tries every route as one visitor: first those that refuse them, which
// must change nothing, then the others.
func walkAs(t *testing.T, state *apptest.State, v *visitor) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{State: state})
	before := a.Dump()
	for _, r := range a.Routes {
		if v.outcome(r) == "" {
			continue
		}
		answer := v.try(a, r)
		v.check(t, r, answer)
		guarded(t, r.Method+" "+r.Path, answer)
	}
	if after := a.Dump(); after != before {
		t.Errorf("%s was refused and changed something: %s", v.name, difference(before, after))
	}
	for _, r := range a.Routes {
		if v.outcome(r) != "" || isCostly(r) && v.name != owner {
			continue
		}
		answer := v.try(a, r)
		v.check(t, r, answer)
		guarded(t, r.Method+" "+r.Path, answer)
		// What was refused by a verb has counted a try at most. One page, too, begins something.
		if r.Method != http.MethodGet && answer.Status < 400 || r.Path == "/me/two-step/activate" {
			a.Restore()
		}
	}
}

// isCostly: ten slow hashes a call. Whom it lets in is tried with the owner alone.
func isCostly(r edge.Route) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/two-step/recovery-codes")
}

// difference is the lines that two dumps do not share.
func difference(before, after string) string {
	had, has := strings.Split(before, "\n"), strings.Split(after, "\n")
	var lines []string
	for _, line := range has {
		if !slices.Contains(had, line) {
			lines = append(lines, line)
		}
	}
	for _, line := range had {
		if !slices.Contains(has, line) {
			lines = append(lines, "gone: "+line)
		}
	}
	return strings.Join(lines, "\n")
}

// TestStepUpWalk is T-SU-1: every route that protects accounts, by everybody who
// has proved less than it takes (R8), and by whoever has proved enough.
//
// ASVS 7.5.1, ASVS 7.5.3, NIST 4.1.2.1(bind), T-SU-1, R8
func TestStepUpWalk(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	t.Run("T-SU-1", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{State: state})
		n := 0
		for _, r := range a.Routes {
			if r.Needs != core.NeedSteppedUp && r.Needs != core.NeedSteppedUpAdmin {
				continue
			}
			n++
			for _, name := range visitors {
				if in[name].outcome(r) == "" && isCostly(r) {
					continue // whoever steps up below gets in
				}
				in[name].check(t, r, in[name].try(a, r))
				if in[name].outcome(r) == "" {
					a.Restore()
				}
			}
			// A step-up brings the right back, with a new token; the old one is dead.
			if isAPI(r) {
				stepsUpFor(t, a, in[stale], r)
			}
		}
		if n < 5 {
			t.Errorf("only %d routes take a step-up", n)
		}
		// Roles and the end of a suspension take one too; whether the route's other
		// changes do is the verb's to say.
		for _, body := range []string{`{"role":"admin"}`, `{"role":"owner"}`} {
			for name, want := range map[string]core.Code{stale: core.StepUpRequired, recovered: core.RecoverySession, admin: core.OwnerOnly} {
				answer := in[name].ask(a, http.MethodPatch, "/api/v1/team/users/"+a.Person("carla").ID, body, nil)
				if core.Code(answer.Problem()) != want {
					t.Errorf("%s: PATCH %s: %s, want %s", name, body, answer, want)
				}
			}
		}
	})
}

func stepsUpFor(t *testing.T, a *apptest.App, v *visitor, r edge.Route) {
	t.Helper()
	defer a.Restore()
	c := a.Client()
	c.Token = v.token
	answer := c.Call("POST", "/step-up", map[string]any{"password": apptest.Password, "code": a.Person("olga").Phone.Code()})
	fresh := *v
	fresh.token = answer.Get("session.token")
	if answer := fresh.try(a, r); answer.Status != samples[r.Method+" "+r.Path].owner {
		t.Errorf("after a step-up: %s: %s", r, answer)
	}
	if answer := v.try(a, r); answer.Problem() != string(core.NotSignedIn) {
		t.Errorf("the token from before the step-up: %s: %s", r, answer)
	}
}

// TestObjectSweep is T-AZ-2: the id of another team's person, of another person's
// session, and of nothing at all are the same to whoever asks: not found.
//
// ASVS 1.2.4, ASVS 8.2.2, ASVS 8.4.1, T-AZ-2, R7, P4
func TestObjectSweep(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	t.Run("T-AZ-2", func(t *testing.T) {
		for _, engine := range []string{apptest.SQLite, apptest.Postgres} {
			t.Run(engine, func(t *testing.T) {
				a := apptest.Start(t, apptest.Options{State: state, Engine: engine})
				before := a.Dump()
				n := 0
				for _, r := range a.Routes {
					if !strings.Contains(r.Path, "{id}") {
						continue
					}
					n++
					for _, id := range []string{
						a.Person("zoe").ID, in[stranger].sessionID, in[admin].sessionID, "none", "0", "-1", "%00", "%2e%2e", "' OR 1=1 --", strings.Repeat("x", 300),
						strings.ToUpper(a.Person("carla").ID), a.Person("carla").ID + "x", a.Person("carla").TeamID, "{id}", "*", "null",
					} {
						sweep(t, a, in[owner], r, id)
					}
				}
				if n < 7 {
					t.Errorf("only %d routes with an id", n)
				}
				if after := a.Dump(); after != before {
					t.Errorf("something was changed: %s", difference(before, after))
				}
			})
		}
	})
}

func sweep(t *testing.T, a *apptest.App, v *visitor, r edge.Route, id string) {
	t.Helper()
	escaped := id
	if !strings.HasPrefix(id, "%") {
		escaped = url.PathEscape(id)
	}
	s := samples[r.Method+" "+r.Path]
	body := s.body
	if r.Method == http.MethodPost && !isAPI(r) {
		body += "&csrf=" + url.QueryEscape(v.csrf)
	}
	answer := v.ask(a, r.Method, strings.Replace(r.Path, "{id}", escaped, 1), body, nil)
	if answer.Status != http.StatusNotFound {
		t.Errorf("%s with the id %q: %d %s %s", r, id, answer.Status, answer.Header.Get("Location"), shortened(answer.Body))
	}
}
