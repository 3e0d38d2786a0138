"""A mechanism driver for tests: binds ports of vnic_type baremetal whose machine's switch is known, as those of switches do, and wires nothing."""
from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class BaremetalMechanismDriver(api.MechanismDriver):
    def initialize(self):
        pass

    @property
    def connectivity(self):
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context):
        port = context.current
        if port[portbindings.VNIC_TYPE] != portbindings.VNIC_BAREMETAL:
            return
        if not port[portbindings.PROFILE].get('local_link_information'):
            return
        for segment in context.segments_to_bind:
            context.set_binding(segment[api.ID], portbindings.VIF_TYPE_OTHER, {}, constants.PORT_STATUS_ACTIVE)
            return
