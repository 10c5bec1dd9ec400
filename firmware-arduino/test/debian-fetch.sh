#!/bin/sh
# Fetches one Debian package, of another release or architecture than this machine's, into a folder, and unpacks it there.
# The mirror is the one this machine's apt is set up for; lists, cache and sources are the folder's own, so that nothing of
# the machine's apt or dpkg changes. What is there already is not fetched again.
#   debian-fetch.sh <folder> <release> <architecture> <package>     unpacked to <folder>/<release>-<architecture>-<package>/root
#   debian-fetch.sh <folder> <release> source <package>             the upstream tarball, unpacked likewise
# Prints that path. Ends with 3 and one line that says why when it cannot be had.
set -eu
[ $# -eq 4 ] || { echo "usage: debian-fetch.sh <folder> <release> <architecture>|source <package>" >&2; exit 2; }
release=$2
architecture=$3
package=$4
mkdir -p "$1"
place=$(cd "$1" && pwd)/$release-$architecture-$package
root=$place/root
if [ -e "$place/complete" ]; then echo "$root"; exit 0; fi

cannot() {
  echo "cannot be had: $package of Debian $release ($architecture): $1" >&2
  exit 3
}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
command -v apt-get >/dev/null 2>&1 || cannot "this machine has no apt"
[ -r "$keyring" ] || cannot "this machine has no $keyring (package debian-archive-keyring)"
# shellcheck disable=SC2016 # the words are apt's
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
  awk '$2 == "main" && $3 == "Debian" { print $1; exit }')
[ -n "$mirror" ] || cannot "this machine's apt knows no Debian mirror, or has no lists yet (apt-get update)"

rm -rf "$place"
mkdir -p "$place/apt/lists/partial" "$place/apt/cache/archives/partial" "$place/download" "$root"
: >"$place/apt/status"
if [ "$architecture" = source ]; then kind=deb-src; else kind=deb; fi
echo "$kind [signed-by=$keyring] $mirror $release main" >"$place/apt/sources.list"
if [ "$architecture" = source ]; then architecture=$(dpkg --print-architecture); fi
ours() { # <apt command> <arguments...>
  "$@" -q -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User="" \
    -o Dir::Etc::SourceList="$place/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$place/apt" -o Dir::State::Lists="$place/apt/lists" -o Dir::State::status="$place/apt/status" \
    -o Dir::Cache="$place/apt/cache" -o Acquire::Languages=none -o Acquire::Retries=2 \
    >>"$place/apt/log" 2>&1
}
ours apt-get update || cannot "the mirror does not answer for it: $(grep -m1 '^[EW]:' "$place/apt/log" || echo 'no reason given')"
grep -q '^E:\|^W: Failed\|^Err' "$place/apt/log" && cannot "$(grep -m1 '^E:\|^W: Failed\|^Err' "$place/apt/log")"
cd "$place/download"
if [ "$kind" = deb-src ]; then
  ours apt-get source --download-only "$package" || cannot "$(tail -1 "$place/apt/log")"
  tar -xf ./*.orig.tar.* -C "$root" --strip-components=1 || cannot "its tarball cannot be unpacked"
else
  ours apt-get download "$package" || cannot "$(tail -1 "$place/apt/log")"
  dpkg-deb -x ./*.deb "$root" || cannot "it cannot be unpacked"
fi
rm -rf "$place/apt/lists" "$place/apt/cache" "$place/download"
: >"$place/complete"
echo "$root"
