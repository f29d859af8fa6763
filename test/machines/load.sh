#!/bin/sh
# load.sh NODE POD-UID PORT: requests to the API without end, as the pod load-NODE would make them. Each goes through the
# balancer of the node, with the CA bundle and the token that the kubelet projected, over a connection of its own, and
# never twice. What fails is a line of JSON in failures.jsonl; what succeeds is counted in LOOP.count.
node=$1 port=$3
cd "${0%/*}" || exit
volume=$(echo /var/lib/kubelet/pods/"$2"/volumes/kubernetes.io~projected/kube-api-access-*)
api=https://kubernetes:$port
own=$api/api/v1/namespaces/load

now() { date -u +%FT%T.%3NZ; }
printable() { tr -d '\\"' <"$1" 2>/dev/null | tr -c '[:print:]' ' ' | head -c "$2"; }

# ask LOOP ARGUMENTS…: sets status, exit and milliseconds; the answer is in LOOP.body.
ask() {
  loop=$1
  shift
  rm -f "$loop.body"
  if [ "$(date +%s)" -ge "$stale" ]; then
    # It ends without a line feed.
    read -r token <"$volume/token" || :
    printf 'Authorization: Bearer %s\n' "$token" >"$loop.header"
    stale=$(($(date +%s) + keeps))
  fi
  said=$(curl -sS --max-time 10 --connect-to "kubernetes:$port:127.0.0.1:$port" --cacert "$volume/ca.crt" \
    -H "@$loop.header" -A "kbin-load/$loop" -o "$loop.body" -w '%{http_code} %{time_total}' "$@" 2>"$loop.error")
  exit=$?
  status=${said%% *} time=${said##* }
  fraction=${time#*.}
  milliseconds=$((${time%.*} * 1000 + 1${fraction%???} - 1000))
}

failed() {
  printf '{"at":"%s","node":"%s","loop":"%s","status":%d,"exit":%d,"milliseconds":%d,"message":"%s%s"}\n' "$(now)" \
    "$node" "$loop" "$status" "$exit" "$milliseconds" "$(printable "$loop.error" 200)" "$(printable "$loop.body" 400)" \
    >>failures.jsonl
}

# expect STATUS [TEXT…]: counts an answer that is so and holds these texts, and the longest; records any other.
expect() {
  isRight=1
  if [ "$exit" != 0 ] || [ "$status" != "$1" ]; then isRight=0; fi
  shift
  for text in "$@"; do grep -qaF -- "$text" "$loop.body" || isRight=0; done
  if [ $isRight = 0 ]; then
    failed
  else
    count=$((count + 1))
    if [ "$milliseconds" -gt "$longest" ]; then longest=$milliseconds; fi
  fi
  turns=$((turns + 1))
  echo "$turns $count $longest" >"$loop.new"
  mv "$loop.new" "$loop.count"
}

list_all() {
  if [ $((turns % 2)) = 0 ]; then
    ask list "$api/api/v1/pods"
    expect 200 '"PodList"'
  else
    ask list "$api/api/v1/secrets"
    expect 200 '"SecretList"'
  fi
}

# A ConfigMap and a Secret by turns; what was written is read back from whichever API server comes next.
write_one() {
  wanted=$((wanted + 1))
  case $((wanted % 2)) in 0) kind=Secret place=secrets;; *) kind=ConfigMap place=configmaps;; esac
  body='{"apiVersion":"v1","kind":"'$kind'","metadata":{"name":"'$node'","annotations":{"wanted":"'$wanted'"}}}'
  ask write -X PATCH -H 'Content-Type: application/apply-patch+yaml' -d "$body" \
    "$own/$place/$node?fieldManager=load&force=true"
  # The first one creates it.
  if [ "$status" = 201 ]; then status=200; fi
  expect 200
  if [ $isRight = 0 ]; then return; fi
  ask write "$own/$place/$node?pretty=false"
  expect 200 '"wanted":"'$wanted'"'
}

# The answer is whole when the command's output and its end have come through the stream.
exec_in_pod() {
  ask exec --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: a2Jpbi1sb2FkLXRlc3Rlcg==' -H 'Sec-WebSocket-Protocol: v4.channel.k8s.io' \
    "$own/pods/load-$node/exec?command=echo&command=exec-ok&stdout=1&stderr=1"
  expect 101 exec-ok '"status":"Success"'
}

# Everybody's writes come through it. It may end and is opened again; it may neither be refused nor fall silent.
watch_maps() {
  ask watch --no-buffer --max-time 86400 --speed-limit 1 --speed-time 20 "$own/configmaps?watch=1"
  if [ "$status" != 200 ] || [ "$exit" = 28 ]; then failed; else
    printf '{"at":"%s","exit":%d,"message":"%s"}\n' "$(now)" "$exit" "$(printable watch.error 200)" >>reconnects.jsonl
  fi
}

# loop_of REQUEST PAUSE KEEPS: KEEPS is for how many seconds it uses a token before it reads it again.
loop_of() (
  turns=0 count=0 longest=0 wanted=0 stale=0 keeps=$3
  while :; do
    "$1"
    sleep "$2"
  done
)
# As long as client-go does (transport/token_source.go); the others read it every time.
loop_of list_all 0.3 50 &
loop_of write_one 0.3 0 &
loop_of exec_in_pod 2 0 &
loop_of watch_maps 0.3 0 &
wait
