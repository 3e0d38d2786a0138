// The kickstart file of an instance whose node names no template: everything on the machine's disk is replaced.
// `cmdline`: what is missing or wrong is an error, which is reported, and no question to nobody.
// What it installs is the image's business (liveimg), or `@core` of a repository; accounts come with the config drive.

export const DEFAULT_TEMPLATE = `# Node {{ ks_options.node }}
cmdline
lang en_US.UTF-8
keyboard us
timezone UTC --utc
network --bootproto=dhcp --hostname={{ ks_options.hostname }}
rootpw --lock
firewall --enabled
selinux --enforcing
firstboot --disabled
{% if ks_options.root_disk %}
ignoredisk --only-use={{ ks_options.root_disk }}
{% endif %}
zerombr
clearpart --all --initlabel
bootloader
autopart
reboot
{% if ks_options.liveimg_url %}
liveimg --url="{{ ks_options.liveimg_url }}" --checksum={{ ks_options.liveimg_sha256 }}
{% else %}
url --url="{{ ks_options.repo_url }}"

%packages
@core
cloud-init
%end
{% endif %}

{% if ks_options.config_drive %}
{{ ks_options.config_drive }}

{% endif %}
{{ ks_options.reports }}
`
