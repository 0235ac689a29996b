#!/bin/bash
# Sends real mail through a real gateway to a stand-in provider, all on this machine, and shows it.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: deploy/quickstart.sh [--keep] [--binary FILE] [--offset N]

Installs what is missing, builds, makes a throw-away CA and one user, and starts two sallyports:
the gateway on 127.0.0.1:2465, 2587 and 2525, and a second one that plays the provider and keeps
what it gets in a Maildir. Sends one message over each port, shows it as it arrived and the metrics
that counted it, then ends both and removes every file it made.

  --keep         leave both running, and say how to use and how to end them
  --binary FILE  use this sallyport; build and install nothing
  --offset N     add N to every port, where those are taken
  --help         this text
USAGE
}

die() { printf '\nquickstart: error: %s\n' "$*" >&2; exit 1; }

keep=false
binary=
offset=0
while (($#)); do
  case $1 in
    --keep) keep=true ;;
    --binary)
      [[ -x ${2:-} ]] || die "--binary wants a sallyport that can be executed, got '${2:-}'"
      binary=$(realpath "$2"); shift ;;
    --offset)
      if [[ ! ${2:-} =~ ^(0|[1-9][0-9]{0,4})$ ]] || (($2 >= 56000)); then
        die "--offset wants a number below 56000, got '${2:-}'"
      fi
      offset=$2; shift ;;
    --help|-h) usage; exit 0 ;;
    *) die "unknown argument '$1' (see --help)" ;;
  esac
  shift
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
indent() { sed 's/\r$//; s/^/    /'; }

if [[ ! $binary ]]; then
  step "Building build/release/sallyport (the first time takes a few minutes)"
  deploy/install-deps.sh demo
  binary=$(deploy/build.sh --no-install)
fi

readonly implicit_port=$((2465 + offset)) starttls_port=$((2587 + offset)) alternative_port=$((2525 + offset))
readonly provider_port=$((2466 + offset))
readonly gateway_admin=127.0.0.1:$((9465 + offset)) provider_admin=127.0.0.1:$((9466 + offset))
readonly user=billing sender=invoices@billing.example.com recipient=customer@example.net

for port in "$implicit_port" "$starttls_port" "$alternative_port" "${gateway_admin#*:}" "$provider_port" "${provider_admin#*:}"; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    die "something already listens on 127.0.0.1:$port; is an earlier quickstart.sh --keep still running? (--offset moves every port)"
  fi
done

work=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-quickstart.XXXXXX")
pids=()
clean_up() {
  local status=$? pid
  if $keep && ((status == 0)); then return; fi
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf -- "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "1. A throw-away CA, a certificate and one user"
cd "$work"
umask 077
printf '[req]\ndistinguished_name = name\n[name]\n' >openssl.conf   # nothing but what is said here
certificate() {  # certificate NAME COMMON-NAME OPENSSL-OPTION...
  local name=$1 common_name=$2
  shift 2
  openssl req -x509 -config openssl.conf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj "/CN=$common_name" -keyout "$name.key" -out "$name.crt" "$@" 2>openssl.log ||
    { cat openssl.log >&2; die "openssl could not make the certificate '$common_name'"; }
}
certificate ca "Sallyport quickstart CA" -addext basicConstraints=critical,CA:TRUE \
  -addext keyUsage=critical,keyCertSign
certificate tls localhost -CA ca.crt -CAkey ca.key -addext basicConstraints=critical,CA:FALSE \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext extendedKeyUsage=serverAuth

# Both passwords come out of openssl and go on in files and pipes: a command line is public.
openssl rand -hex 16 | tr -d '\n' >user-password
openssl rand -hex 16 | tr -d '\n' >provider-password
user_hash=$("$binary" hash-password <user-password)
provider_hash=$("$binary" hash-password <provider-password)
printf 'user = "%s:%s"\n' "$user" "$(cat user-password)" >curl.conf
printf '    user %s, password hash %s…\n' "$user" "${user_hash:0:40}"

cat >provider.toml <<TOML
# Plays the provider: TLS, a name and a password in front, a Maildir behind.
hostname = "provider.quickstart.test"

[[listener]]
address = "127.0.0.1:$provider_port"
tls     = "implicit"

[tls]
certificate = "$work/tls.crt"
key         = "$work/tls.key"

[[auth.user]]
name     = "gateway"
password = "$provider_hash"

[[upstream]]
name     = "kept"
provider = "capture"
path     = "$work/captured"

[admin]
address = "$provider_admin"
TOML

cat >gateway.toml <<TOML
hostname = "gateway.quickstart.test"

[[listener]]
address = "127.0.0.1:$implicit_port"
tls     = "implicit"

[[listener]]
address = "127.0.0.1:$starttls_port"
tls     = "starttls"

[[listener]]
address = "127.0.0.1:$alternative_port"
tls     = "starttls"

[tls]
certificate = "$work/tls.crt"
key         = "$work/tls.key"

[[auth.user]]
name     = "$user"
password = "$user_hash"
senders  = ["*@billing.example.com"]
limits   = { messages = "100/minute" }

[[upstream]]
name     = "stand-in"
provider = "smtp"
host     = "127.0.0.1"
port     = $provider_port
tls      = "implicit"
ca       = "$work/ca.crt"
username = "gateway"
password = { file = "$work/provider-password" }

[admin]
address = "$gateway_admin"
TOML

# start NAME ADMIN: runs "sallyport run --config NAME.toml" and waits until it is ready.
start() {
  local name=$1 admin=$2 pid deadline=$((SECONDS + 20))
  "$binary" check --config "$name.toml" >"$name.check" 2>&1 ||
    { cat "$name.check" >&2; die "sallyport does not accept $work/$name.toml"; }
  # Its own session: with --keep it must outlive this terminal.
  setsid "$binary" run --config "$name.toml" >"$name.log" 2>&1 </dev/null &
  pid=$!
  pids+=("$pid")
  until curl -fsS -o /dev/null --max-time 2 "http://$admin/readyz" 2>"$name.curl"; do
    kill -0 "$pid" 2>/dev/null || { cat "$name.log" >&2; die "the $name ended instead of starting (its log is above)"; }
    ((SECONDS < deadline)) || { cat "$name.log" "$name.curl" >&2; die "the $name was not ready within 20 s (its log is above)"; }
    sleep 0.05
  done
  printf '    %s: process %s, ready\n' "$name" "$pid"
}

step "2. The stand-in provider, and the gateway in front of it"
start provider "$provider_admin"
start gateway "$gateway_admin"

step "3. One message over each port"
send() {  # send URL TITLE [CURL OPTION...]
  local url=$1 title=$2 file=message-${1##*:}.eml
  shift 2
  printf '%s\r\n' "From: Billing <$sender>" "To: $recipient" "Subject: Invoice 4711, sent to $url" \
    "" "Dear customer," "" "please find your invoice attached. (It is not.)" "" "Billing" >"$file"
  curl -sS --max-time 30 -K curl.conf --cacert ca.crt "$@" --url "$url/app.quickstart.test" \
    --mail-from "$sender" --mail-rcpt "$recipient" --upload-file "$file" ||
    { indent <gateway.log >&2; die "curl could not send to $url (the gateway's log is above)"; }
  printf '    %s %s: accepted\n' "$url" "$title"
}
send smtps://127.0.0.1:$implicit_port "(TLS from the first byte)"
send smtp://127.0.0.1:$starttls_port "(STARTTLS)" --ssl-reqd
send smtp://127.0.0.1:$alternative_port "(STARTTLS, the port that firewalls let through)" --ssl-reqd

# The gateway said 250 only after the provider did, so nothing is left to wait for.
mails=(captured/new/*)
if [[ ! -e ${mails[0]} ]] || ((${#mails[@]} != 3)); then
  die "three messages were accepted, but $work/captured/new does not hold three"
fi

step "4. The message as it arrived at the provider (its two friends differ in the subject)"
indent <"${mails[0]}"

step "5. What the gateway logged"
# A thread of its own writes the log: the last line may come a moment after the reply.
logged() { grep -F event=transaction gateway.log; }
deadline=$((SECONDS + 20))
until (($(logged | wc -l) == 3)); do
  ((SECONDS < deadline)) || { indent <gateway.log >&2; die "the gateway did not log three transactions (its log is above)"; }
  sleep 0.05
done
indent < <(logged)

step "6. What the gateway counted (http://$gateway_admin/metrics)"
curl -fsS "http://$gateway_admin/metrics" |
  grep -E '^sallyport_(messages_total|auth_total|tls_handshakes_total|upstream_messages_total|upstream_connections_(opened|reused)_total)\{.* [1-9][0-9.e+]*$' | indent ||
  die "http://$gateway_admin/metrics counted nothing"

step "To send through a real provider, replace the [[upstream]] of the gateway by one of these"
cat <<'TEXT'

    [[upstream]]                       # Amazon SES: SMTP credentials from its console, of that region
    name     = "ses"
    provider = "ses"
    region   = "eu-west-1"
    username = "AKIA…"
    password = { file = "/run/secrets/ses-smtp-password" }

    [[upstream]]                       # SendGrid: the key needs the permission "Mail Send"
    name     = "sendgrid"
    provider = "sendgrid"
    password = { env = "SENDGRID_API_KEY" }

    [[upstream]]                       # Mailgun: name and password of an SMTP user of your domain
    name     = "mailgun"
    provider = "mailgun"
    username = "postmaster@mg.example.com"
    password = { file = "/run/secrets/mailgun-password" }

Host, port, TLS and quirks come with the provider's name. The sender's domain must be verified there.
Whole configs are in deploy/examples/; "sallyport check --config FILE" says what is wrong with yours.
TEXT

if $keep; then
  step "Left running"
  cat <<TEXT
    config, keys, mail  $work
    password of $user  $work/user-password
    send another        curl -K $work/curl.conf --cacert $work/ca.crt --ssl-reqd --url smtp://127.0.0.1:$starttls_port \\
                          --mail-from $sender --mail-rcpt $recipient --upload-file $work/message-$starttls_port.eml
    read it             ls $work/captured/new
    end it              kill ${pids[*]}; rm -r $work
TEXT
fi
