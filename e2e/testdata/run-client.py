# Runs commands of the openstack client in one process, as its program does, since starting it takes seconds each time. Standard input: a
# JSON list of argument lists. Standard output: a line of JSON {status, out, error} for each.
import contextlib, io, json, sys
from openstackclient import shell

for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        program = shell.OpenStackShell()
        program.stdout, program.stderr = out, err
        try:
            status = program.run(arguments)
        except SystemExit as end:
            status = end.code
    sys.__stdout__.write(json.dumps({'status': status, 'out': out.getvalue(), 'error': err.getvalue()}) + '\n')
    sys.__stdout__.flush()
