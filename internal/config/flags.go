package config

// Flags are settings as they were typed; nil is "not given". The tags are the
// command line's: each command embeds the groups that mean something to it, so a
// flag that would be ignored is a usage error instead.
type Flags struct {
	AddressFlags
	StoreFlags
	EdgeFlags
	MailFlags
	LogFlags
}

// AddressFlags say where Doorstep listens and how people reach it.
type AddressFlags struct {
	Listen *string `placeholder:"HOST:PORT" help:"Where to listen (default 127.0.0.1:8420). $DOORSTEP_LISTEN"`
	URL    *string `name:"url" placeholder:"URL" help:"The public address, as people type it (default derived from --listen). $DOORSTEP_URL"`
}

// StoreFlags say where things are kept.
type StoreFlags struct {
	Data     *string `placeholder:"DIR" help:"Folder of the SQLite file (default ./data). $DOORSTEP_DATA"`
	Keys     *string `placeholder:"DIR" help:"Folder of the pepper and the sealing keys, apart from the data (default ./keys). $DOORSTEP_KEYS"`
	Database *string `placeholder:"URL" help:"postgres://… instead of SQLite. $DOORSTEP_DATABASE or $DOORSTEP_DATABASE_FILE"`
}

// EdgeFlags are about what stands in front of Doorstep.
type EdgeFlags struct {
	TrustedProxies *string `placeholder:"CIDR,…" help:"Proxies whose X-Forwarded-… headers are believed (default none). $DOORSTEP_TRUSTED_PROXIES"`
	AppsDomain     *string `placeholder:"DOMAIN" help:"Parent domain whose apps get to know, through their proxies, who is signed in (default none). $DOORSTEP_APPS_DOMAIN"`
}

// MailFlags say how letters leave.
type MailFlags struct {
	SMTP    *string `name:"smtp" placeholder:"URL" help:"smtp://USER:PASSWORD@HOST:587?from=ADDRESS, or smtps://… (default: letters are printed). $DOORSTEP_SMTP or $DOORSTEP_SMTP_FILE"`
	Contact *string `placeholder:"ADDRESS" help:"Your address, for requests from the help center of people who are not signed in (default: none are taken). $DOORSTEP_CONTACT"`
}

// LogFlags are about the log, which goes to standard error.
type LogFlags struct {
	LogFormat *string `placeholder:"text|json" help:"Form of the log (default text). $DOORSTEP_LOG_FORMAT"`
	LogLevel  *string `placeholder:"LEVEL" help:"debug, info, warn or error (default info). $DOORSTEP_LOG_LEVEL"`
}
