# ipmitool's console on a terminal, which it insists on: PORT TYPED UNTIL. Types TYPED when it is there, and prints what was said up to UNTIL.
import os, pty, sys

port, typed, until = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    login = ['-I', 'lanplus', '-H', '127.0.0.1', '-p', port, '-U', 'admin', '-P', 'secret']
    os.execv('/usr/bin/ipmitool', ['ipmitool', *login, 'sol', 'activate'])
said = ''
while 'SOL Session operational' not in said:
    said += os.read(terminal, 4096).decode()
os.write(terminal, typed.encode())
while until not in said:
    said += os.read(terminal, 4096).decode()
# The escape that hangs up.
os.write(terminal, b'\r~.')
os.waitpid(child, 0)
print(said)
