"""A BMC made of pyghmi's server: pyghmi-bmc.py PORT. Power and boot flags live in memory."""
import sys

from pyghmi.ipmi.bmc import Bmc


class MemoryBmc(Bmc):
    power = 'off'
    flags = [0] * 5

    def get_power_state(self):
        return self.power

    def power_on(self):
        self.power = 'on'

    def power_off(self):
        self.power = 'off'

    # The stock class drops the persistent and EFI bits.
    def set_system_boot_options(self, request, session):
        data = list(request['data'])
        if data[0] & 0x7F == 5:
            self.flags = data[1:6]
        session.send_ipmi_response()

    def get_system_boot_options(self, request, session):
        if request['data'][0] != 5:
            return session.send_ipmi_response(code=0x80)
        session.send_ipmi_response(data=[1, 5, *self.flags])


MemoryBmc({'admin': 'secret'}, port=int(sys.argv[1]), address='127.0.0.1').listen(timeout=600)
