# openstacksdk, as Debian packages it. Argument: what openstack.connect is to be given, by name of the connection, as JSON. An order (orders.py) is
# [connection, layer, method, positional arguments, keyword arguments]; an argument {"$node": name} is the node as the SDK gets it. The layer
# `left out` names the methods that were never called.
import functools, inspect, json, sys, types, warnings
import openstack
import orders
from openstack.baremetal import configdrive
from openstack.baremetal.v1 import _proxy, node
from openstack.cloud import _baremetal
from openstack.resource import Resource
import requests

warnings.simplefilter('ignore')
given = json.loads(sys.argv[1])
# On what a method of a layer is called.
LAYERS = {
    'baremetal': lambda connection: connection.baremetal,
    'cloud': lambda connection: connection,
    'configdrive': lambda _: configdrive,
}
called = set()


@functools.cache
def connect(name):
    return openstack.connect(load_yaml_config=False, load_envvars=False, **given[name])


def own_methods(of):
    return {name for name, what in vars(of).items() if inspect.isfunction(what) and not name.startswith('_')}


def left_out():
    return sorted((own_methods(_proxy.Proxy) | own_methods(_baremetal.BaremetalCloudMixin)) - called)


def plain(what):
    if isinstance(what, Resource):
        return what.to_dict(computed=False)
    if isinstance(what, requests.Response):
        return {'status': what.status_code, 'body': what.json() if what.content else None}
    if isinstance(what, node.ValidationResult):
        return {'result': what.result, 'reason': what.reason}
    if isinstance(what, node.WaitResult):
        return plain(what._asdict())
    if isinstance(what, dict):
        return {key: plain(value) for key, value in what.items()}
    if isinstance(what, (list, tuple, types.GeneratorType)):
        return [plain(each) for each in what]
    return what


def obey(name, layer, method, args, kwargs):
    if layer == 'left out':
        return left_out()
    connection = connect(name)
    is_node = lambda argument: isinstance(argument, dict) and list(argument) == ['$node']
    meant = [connection.baremetal.get_node(each['$node']) if is_node(each) else each for each in args]
    called.add(method)
    return plain(getattr(LAYERS[layer](connection), method)(*meant, **kwargs))


orders.serve(obey)
