"""Drives a BMC with pyghmi's client: pyghmi-client.py PORT PASSWORD. Prints what it found as JSON."""
import json
import sys

from pyghmi.exceptions import IpmiException
from pyghmi.ipmi.command import Command

try:
    bmc = Command(bmc='127.0.0.1', port=int(sys.argv[1]), userid='admin', password=sys.argv[2], keepalive=False)
    found = [bmc.get_power()['powerstate']]
    for state in ('on', 'off'):
        bmc.set_power(state, wait=True)
        found.append(bmc.get_power()['powerstate'])
    bmc.set_bootdev('network', persist=True, uefiboot=True)
    print(json.dumps({'power': found, 'boot': bmc.get_bootdev()}))
    bmc.ipmi_session.logout()
except IpmiException as error:
    print(json.dumps({'error': str(error)}))
