// The parts of a kickstart file that are the conductor's: how the installer tells of itself, and how the instance gets its config drive. They are shell, read
// by the installer: 1. what comes from a node or from a deployment stands there as base64, or is checked to be a word (values.ts); 2. a here document
// ends with a word that base64 and PEM cannot have.
import type { IsoFile } from '../../config-drive/iso9660.ts'

export interface ReportTo {
  /** Of heartbeats. */
  readonly url: string
  readonly token: string
  readonly caPem: string
}

const FOLDER = '/tmp/ferrule'

/**
 * %pre, %onerror, %traceback and %post. The end is told before the installer has unmounted its disks: whoever hears it leaves the machine alone until that has
 * started again by itself. A conductor that is restarted is waited for, an hour at most; one that does not know the installer any more, is not.
 */
export function reportSections({ url, token, caPem }: ReportTo): string {
  return `%pre
mkdir -p ${FOLDER}
cat > ${FOLDER}/ca.pem <<'END_OF_CA'
${caPem.trim()}
END_OF_CA
cat > ${FOLDER}/report <<'END_OF_REPORT'
tries=0
while [ $tries -lt 360 ]; do
  code=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 30 --cacert ${FOLDER}/ca.pem \\
    --header 'Content-Type: application/json' --header 'X-OpenStack-Ironic-API-Version: 1.72' \\
    --data "{\\"callback_url\\": \\"\\", \\"agent_token\\": \\"${token}\\", \\"agent_status\\": \\"$1\\", \\"agent_status_message\\": \\"$2\\"}" \\
    ${url})
  case $code in
    202) exit 0 ;;
    400|404) echo "the conductor refuses the report: $code" >&2; exit 1 ;;
  esac
  tries=$((tries + 1))
  sleep 10
done
exit 1
END_OF_REPORT
sh ${FOLDER}/report start 'the installer has begun'
%end

%onerror
sh ${FOLDER}/report error "the installer has failed: $(tail -n 3 /tmp/anaconda.log 2>/dev/null | tr -c 'A-Za-z0-9 .,:/_-' ' ' | tail -c 600)"
%end

%traceback
sh ${FOLDER}/report error 'the installer has crashed: see its console'
%end

%post --nochroot
sh ${FOLDER}/report end 'the instance is installed'
%end`
}

/** Where cloud-init's kind looks for a config drive that is no drive (its data source ConfigDrive). */
const SEED = '${ANA_INSTALL_PATH:-/mnt/sysimage}/var/lib/cloud/seed/config_drive'

/** `drive`: its files; base64 of a gzipped ISO; or a URL of one, checked to be a word. */
export function configDriveSection(drive: readonly IsoFile[] | string): string {
  return `%post --nochroot --erroronfail
set -e
seed="${SEED}"
mkdir -p "\${seed%/*}"
umask 077
mkdir -p "$seed"
${typeof drive === 'string' ? fromVolume(drive) : drive.map(fromFile).join('\n')}
# With SELinux, as if the system had made them itself.
chroot "\${seed%/var/lib/cloud/*}" restorecon -R /var/lib/cloud 2>/dev/null || :
%end`
}

function fromFile({ path, bytes }: IsoFile): string {
  const folder = path.slice(0, path.lastIndexOf('/'))
  return `mkdir -p "$seed/${folder}"
${decoded(Buffer.from(bytes).toString('base64'), `> "$seed/${path}"`)}`
}

function fromVolume(drive: string): string {
  const isUrl = /^https?:/.test(drive)
  const packed = '/tmp/ferrule-config.gz'
  const fetched = isUrl
    ? `curl --fail --silent --show-error --location --retry 5 '${drive}' | base64 -d > ${packed}`
    : decoded(drive.replaceAll(/\s/g, ''), `> ${packed}`)
  return `${fetched}
gunzip -c ${packed} > /tmp/ferrule-config.iso
mkdir -p /tmp/ferrule-config
mount -o loop,ro /tmp/ferrule-config.iso /tmp/ferrule-config
cp -R /tmp/ferrule-config/. "$seed/"
umount /tmp/ferrule-config
rm ${packed} /tmp/ferrule-config.iso`
}

function decoded(base64: string, into: string): string {
  return `base64 -d ${into} <<'END_OF_FILE'
${base64.replaceAll(/.{1,76}/g, '$&\n').trimEnd()}
END_OF_FILE`
}
