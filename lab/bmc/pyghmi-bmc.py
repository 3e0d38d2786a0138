#!/usr/bin/python3
"""A second third-party BMC: pyghmi's server, with its chassis commands handed to the machine's own process.

pyghmi-bmc.py <machine directory> <address> <username> <password>
Sessions are pyghmi's (RMCP+ cipher suite 3 only, no IPMI 1.5, one account). Chassis commands go byte for byte to
<directory>/chassis.sock and are logged in <directory>/bmc.log, exactly as bmc/chassis-relay.c does it.
"""

import socket
import sys
import time

from pyghmi.ipmi.bmc import Bmc

CHASSIS_NETFN = 0x00
RELAYED = {0x01, 0x02, 0x04, 0x08, 0x09}
CHANGES_SOMETHING = {0x02, 0x04, 0x08}
NODE_BUSY = 0xC0

directory, address, username, password = sys.argv[1:]


def ask(command, data):
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(2)
        link.connect(f"{directory}/chassis.sock")
        link.sendall(f"{command:02x} {data.hex()}\n".encode())
        return bytes.fromhex(link.makefile().readline())


class ChassisRelay(Bmc):
    def handle_raw_request(self, request, session):
        command, data = request["command"], bytes(request["data"])
        if request["netfn"] != CHASSIS_NETFN or command not in RELAYED:
            return super().handle_raw_request(request, session)
        try:
            answer = ask(command, data) or bytes([NODE_BUSY])
        except OSError:
            answer = bytes([NODE_BUSY])
        if command in CHANGES_SOMETHING:
            with open(f"{directory}/bmc.log", "a") as log:
                log.write(f"{time.time():.3f} {command:02x} {data.hex()} -> {answer.hex()}\n")
        return session.send_ipmi_response(code=answer[0], data=list(answer[1:]))


ChassisRelay({username: password}, port=623, address=address).listen(timeout=3600)
