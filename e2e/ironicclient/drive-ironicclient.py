# python-ironicclient as a library, as Debian packages it. Argument: what ironicclient.client.get_client is to be given, as JSON. An order (orders.py) is
# [manager, method, positional arguments, keyword arguments]. The manager `left out` names the methods that were never called.
import json, sys
import orders
from ironicclient import client
from ironicclient.common.base import Manager, Resource

ironic = client.get_client(1, **json.loads(sys.argv[1]))
managers = {name: manager for name, manager in vars(ironic).items() if isinstance(manager, Manager)}
called = set()


def own_methods(manager):
    return {name for name in dir(type(manager)) if not name.startswith('_') and callable(getattr(manager, name))}


def left_out():
    every = {f'{name}.{method}' for name, manager in managers.items() for method in own_methods(manager)}
    return sorted(name for name in every - called if not name.endswith('.resource_class'))


def plain(what):
    if isinstance(what, Resource):
        return what.to_dict()
    return [plain(each) for each in what] if isinstance(what, (list, tuple)) else what


def obey(name, method, args, kwargs):
    if name == 'left out':
        return left_out()
    called.add(f'{name}.{method}')
    return plain(getattr(managers[name], method)(*args, **kwargs))


orders.serve(obey)
