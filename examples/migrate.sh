# Makes a small git repository to try migrate.js on: sh examples/migrate.sh FOLDER
# Its agents are agent.sh, a stand-in that needs no key: it edits for real, and is wrong once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir "$1"
cd "$1"
cp "$here/migrate.js" migrate.js
mkdir src
cat > money.sh <<'EOF'
to_cents() { echo $(($1 * 100 + $2)); }
cents() { to_cents "$1" "$2"; } # the old name, which goes once nobody uses it
EOF
number=1
for name in cart invoice label order refund stock; do
  cat > "src/$name.sh" <<EOF
. ./money.sh
$name() { cents $number 50; }
[ "\$($name)" = ${number}50 ] || { echo "$name is wrong" >&2; exit 1; }
EOF
  number=$((number + 1))
done
cat > check.sh <<'EOF'
for file in src/*.sh; do sh "$file" || exit 1; done
EOF
cat > agent.sh <<'EOF'
prompt=$(cat)
file=$(printf %s "$prompt" | grep -o 'src/[a-z]*\.sh' | head -n 1)
case "$prompt" in
  Refute*to_cent\ *) echo '{"holds": false, "reason": "to_cent is not a function"}' ;;
  Refute*) echo '{"holds": true, "reason": "every use has moved"}' ;;
  *src/order.sh*refuted*) sed -i 's/ cents / to_cents /' "$file" && echo "changed $file" ;;
  *src/order.sh*) sed -i 's/ cents / to_cent /' "$file" && echo "changed $file" ;;
  *) sed -i 's/ cents / to_cents /' "$file" && echo "changed $file" ;;
esac
EOF
cat > baya.toml <<'EOF'
[commands.stand-in]
argv = ["/bin/sh", "agent.sh"]
EOF
git init -q -b main .
git add -A
git -c user.name=example -c user.email=example@localhost commit -qm 'a shop'
