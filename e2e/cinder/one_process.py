# Debian's Cinder in one process: API, scheduler and volume manager talk over oslo.messaging's transport in memory, so that no message broker is needed.
# Its back end keeps no bytes: what is looked at is the API and its state machine. Arguments: those of a Cinder service (--config-file FILE).
import eventlet

eventlet.monkey_patch()

import sys

from cinder import objects

# Modules of Cinder name them while they are loaded.
objects.register_all()

from cinder import rpc, service, version
from cinder.common import config  # noqa: F401  (its options)
from cinder.volume import driver
from cinder.volume import manager  # noqa: F401
from oslo_config import cfg
from oslo_log import log

CONF = cfg.CONF


class Volumes(driver.VolumeDriver):
    """Answers as a back end that has its volumes at an iSCSI portal, with a secret of its own for each."""

    VERSION = '1'

    def check_for_setup_error(self):
        pass

    def create_volume(self, volume):
        return {'provider_auth': f'CHAP user-{volume.id[:8]} secret-{volume.id}'}

    def delete_volume(self, volume):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        method, username, password = volume.provider_auth.split()
        data = {
            'target_discovered': False,
            'target_iqn': f'iqn.2010-10.org.openstack:volume-{volume.id}',
            'target_portal': '127.0.0.1:3260',
            'target_lun': 1,
            'volume_id': volume.id,
            'auth_method': method,
            'auth_username': username,
            'auth_password': password,
        }
        return {'driver_volume_type': 'iscsi', 'data': data}

    def terminate_connection(self, volume, connector, **kwargs):
        pass

    def _update_volume_stats(self):
        self._stats = {
            'volume_backend_name': 'file',
            'vendor_name': 'test',
            'driver_version': self.VERSION,
            'storage_protocol': 'iSCSI',
            'total_capacity_gb': 100,
            'free_capacity_gb': 100,
            'reserved_percentage': 0,
            'QoS_support': False,
        }


def main():
    # The volume manager finds the driver by this module's name.
    sys.modules['one_process'] = sys.modules['__main__']
    CONF(sys.argv[1:], project='cinder', version=version.version_string())
    log.setup(CONF, 'cinder')
    rpc.init(CONF)
    services = [
        service.Service.create(binary='cinder-scheduler'),
        service.Service.create(
            host=f'{CONF.host}@file', service_name='file', binary='cinder-volume', coordination=True
        ),
        service.WSGIService('osapi_volume'),
    ]
    for each in services:
        each.start()
    print('up', flush=True)
    for each in services:
        each.wait()


if __name__ == '__main__':
    main()
