"""Drives a Redfish BMC with Debian's sushy, as Ironic does: sushy-client.py URL session|basic PASSWORD. Prints what it found as JSON."""
import json
import logging
import sys

import sushy
from sushy import auth

logging.disable(logging.CRITICAL)
url, kind, password = sys.argv[1:4]
classes = {'session': auth.SessionAuth, 'basic': auth.BasicAuth}

try:
    bmc = sushy.Sushy(url, auth=classes[kind]('admin', password))
except sushy.exceptions.SushyError as error:
    print(json.dumps({'error': type(error).__name__}))
    sys.exit(0)

system = bmc.get_system()
found = {'system': [system.uuid, system.manufacturer, system.serial_number, system.memory_summary.size_gib]}


def fresh():
    system.refresh(force=True)
    return system


def power(reset):
    system.reset_system(reset)
    return fresh().power_state.value


found['power'] = [system.power_state.value, power(sushy.RESET_ON), power(sushy.RESET_FORCE_OFF)]

system.set_system_boot_options(
    sushy.BOOT_SOURCE_TARGET_PXE, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE, mode=sushy.BOOT_SOURCE_MODE_UEFI)
boot = fresh().boot
found['boot'] = [boot.target.value, boot.enabled.value, boot.mode.value]

system.set_indicator_led(sushy.INDICATOR_LED_BLINKING)
found['indicator'] = fresh().indicator_led.value
chassis = system.chassis[0]
chassis.set_indicator_led(sushy.INDICATOR_LED_LIT)
chassis.refresh(force=True)
found['chassis'] = [chassis.indicator_led.value, chassis.thermal.temperatures[0].reading_celsius,
                    chassis.thermal.fans[0].identity, chassis.power.power_supplies[0].power_capacity_watts]

system.secure_boot.set_enabled(True)
system.secure_boot.refresh(force=True)
found['secure_boot'] = system.secure_boot.enabled

bios = system.bios
bios.set_attributes({'ProcTurboMode': 'Disabled', 'QuietBootSeconds': 7}, apply_time=sushy.APPLY_TIME_ON_RESET)
waiting = bios.attributes['ProcTurboMode']
power(sushy.RESET_ON)
bios.refresh(force=True)
found['bios'] = [waiting, bios.attributes['ProcTurboMode'], bios.attributes['QuietBootSeconds']]
bios.reset_bios()
power(sushy.RESET_FORCE_OFF)
power(sushy.RESET_ON)
bios.refresh(force=True)
found['bios'].append(bios.attributes['ProcTurboMode'])

summary = system.processors.summary
found['processors'] = [summary[0], summary[1].value]
found['macs'] = sorted(system.ethernet_interfaces.summary)

storage = system.storage.get_members()[0]
drives = [drive.path for drive in storage.drives]
volume = storage.volumes.create(
    {'Name': 'root', 'RAIDType': 'RAID1', 'CapacityBytes': 100 * 2 ** 30,
     'Links': {'Drives': [{'@odata.id': path} for path in drives[:2]]}}, apply_time=sushy.APPLY_TIME_IMMEDIATE)
storage.refresh(force=True)
made = storage.volumes.get_members()[0]
found['volume'] = [len(drives), made.name, made.raid_type.value, made.capacity_bytes // 2 ** 30]
made.delete(apply_time=sushy.APPLY_TIME_IMMEDIATE)
system = bmc.get_system()
found['volumes'] = len(system.storage.get_members()[0].volumes.get_members())

manager = system.managers[0]
media = [each for each in manager.virtual_media.get_members() if sushy.VIRTUAL_MEDIA_CD in each.media_types][0]
media.insert_media('http://192.0.2.1/image.iso')
media.refresh(force=True)
found['media'] = [media.inserted, media.image]
media.eject_media()
media.refresh(force=True)
found['media'].append(media.inserted)
found['manager'] = manager.firmware_version

service = bmc.get_update_service()
versions = [each for each in service.firmware_inventory.get_members() if each.identity == 'BMC']
monitor = service.simple_update('http://192.0.2.1/bmc-2.11.3.bin', targets=[versions[0].path])
states = []
while monitor.is_processing:
    states.append(monitor.get_task().task_state.value)
    monitor.refresh()
found['update'] = [states[0], monitor.get_task().task_state.value]

system.reset_system(sushy.RESET_NMI)
events = bmc.get_event_service()
subscription = events.subscriptions.create({
    'Destination': 'http://192.0.2.1/', 'Protocol': 'Redfish', 'Context': 'sushy', 'EventTypes': ['Alert']})
found['subscription'] = [sorted(each.value for each in events.get_event_types_for_subscription()), subscription.context, subscription.identity]
subscription.delete()
events.subscriptions.refresh(force=True)
found['subscriptions'] = len(events.subscriptions.get_members())

print(json.dumps(found))
if kind == 'session':
    bmc._auth.close()
