# nova's own ironic driver, as Debian packages it, through the life of an instance. Arguments: URL of the API, UUID of an available node, its
# VIF, a conductor group. Standard output: a line of JSON [step, what nova saw] for each step. nova's database is not there: what the driver
# asks it for is answered here.
import json, sys, tempfile
from oslo_utils import uuidutils
import nova.conf
from nova import context, exception, objects
from nova.compute import provider_tree
from nova.network import model as network_model

url, node, vif_id, group = sys.argv[1:5]
CONF = nova.conf.CONF
settings = tempfile.NamedTemporaryFile('w', suffix='.conf')
settings.write(f'''[DEFAULT]
host = compute-1
[ironic]
auth_type = none
endpoint = {url}
endpoint_override = {url}
api_retry_interval = 1
api_max_retries = 20
partition_key = {group}
peer_list = compute-1
serial_console_state_timeout = 10
''')
settings.flush()
CONF(['--config-file', settings.name], project='nova')
objects.register_all()

instances = set()
objects.Instance.refresh = lambda self, *_, **__: None
objects.Instance.save = lambda self, *_, **__: None
objects.ServiceList.get_all_computes_by_hv_type = classmethod(lambda *_, **__: [])
objects.InstanceList.get_uuids_by_host = classmethod(lambda *_, **__: instances)

from nova.virt.ironic import driver as ironic_driver
ironic_driver.IronicDriver._generate_configdrive = lambda *_, **__: b'H4sIAAAAAAAAAwMAAAAAAAAAAAA='


def instance_of(uuid):
    flavor = objects.Flavor(
        id=1, flavorid='1', name='metal', vcpus=8, memory_mb=1024, root_gb=10, ephemeral_gb=0, swap=0, extra_specs={})
    return objects.Instance(
        ctxt, id=1, uuid=uuid, node=node, host='compute-1', hostname='one', display_name='one', project_id='p', user_id='u',
        flavor=flavor, config_drive='True', system_metadata={}, metadata={}, image_ref=uuidutils.generate_uuid(), vcpus=8,
        memory_mb=1024, root_gb=10, ephemeral_gb=0, swap=0, task_state=None, vm_state='building', power_state=0, launched_at=None,
        default_ephemeral_device=None, os_type=None, architecture=None, key_name=None, key_data=None, info_cache=None)


def step(name, what):
    try:
        seen = what()
    except exception.NovaException as error:
        seen = type(error).__name__
    sys.stdout.write(json.dumps([name, seen], default=str) + '\n')
    sys.stdout.flush()


def inventory():
    tree = provider_tree.ProviderTree()
    tree.new_root(node, node)
    driver.update_provider_tree(tree, node)
    return {'inventory': sorted(tree.data(node).inventory), 'traits': sorted(tree.data(node).traits)}


ctxt = context.RequestContext('u', 'p', user_name='u', project_name='p')
driver = ironic_driver.IronicDriver(None)
one = instance_of(uuidutils.generate_uuid())
instances.add(one.uuid)
network = network_model.NetworkInfo([network_model.VIF(id=vif_id, address='52:54:00:0a:00:01')])
image = objects.ImageMeta(id=one.image_ref, properties=objects.ImageMetaProps())
state = lambda: driver.get_info(one, use_cache=False).state
call = driver.ironicclient.call

step('init_host', lambda: driver.init_host('compute-1'))
step('get_available_nodes', lambda: driver.get_available_nodes(refresh=True))
step('get_available_resource', lambda: driver.get_available_resource(node)['resource_class'])
step('update_provider_tree', inventory)
step('node_is_available', lambda: driver.node_is_available(node))
step('prepare_for_spawn', lambda: driver.prepare_for_spawn(one))
step('prepare_for_spawn of another', lambda: driver.prepare_for_spawn(instance_of(uuidutils.generate_uuid())))
step('prepare_networks', lambda: driver.prepare_networks_before_block_device_mapping(one, network))
step('spawn', lambda: driver.spawn(ctxt, one, image, [], 'secret', {}, network))
step('vifs', lambda: [vif.id for vif in call('node.vif_list', node)])
step('instance_exists', lambda: driver.instance_exists(one))
step('list_instance_uuids', lambda: driver.list_instance_uuids() == [one.uuid])
step('network_binding_host_id', lambda: driver.network_binding_host_id(ctxt, one))
step('get_info', state)
step('power_off', lambda: driver.power_off(one))
step('get_info after power_off', state)
step('power_on', lambda: driver.power_on(ctxt, one, network))
step('get_info after power_on', state)
step('reboot', lambda: driver.reboot(ctxt, one, network, 'HARD'))
step('soft reboot', lambda: driver.reboot(ctxt, one, network, 'SOFT'))
# While one change of power goes on the next is told 409, and the client asks again until it is done.
step('busy', lambda: call('node.set_power_state', node, 'reboot'))
step('power_off of a busy node', lambda: driver.power_off(one))
step('get_info of the busy node', state)
step('power_on again', lambda: driver.power_on(ctxt, one, network))
step('trigger_crash_dump', lambda: driver.trigger_crash_dump(one))
step('get_serial_console', lambda: driver.get_serial_console(ctxt, one).port)
step('detach_interface', lambda: driver.detach_interface(ctxt, one, network[0]))
step('attach_interface', lambda: driver.attach_interface(ctxt, one, image, network[0]))
step('rescue', lambda: driver.rescue(ctxt, one, network, image, 'rescue-me', None))
step('unrescue', lambda: driver.unrescue(ctxt, one))
one.task_state = 'rebuild_spawning'
step('rebuild', lambda: driver.rebuild(
    ctxt, one, image, [], 'secret', {}, [], lambda *_, **__: None, lambda *_, **__: None, network_info=network))
one.task_state = 'deleting'
step('destroy', lambda: driver.destroy(ctxt, one, network))
instances.clear()
step('instance_exists after destroy', lambda: driver.instance_exists(one))
step('vifs after destroy', lambda: [vif.id for vif in call('node.vif_list', node)])
