# Runs the API tests of ironic-tempest-plugin, as Debian packages it, but those whose names one of the regular expressions in the argument, a JSON list,
# finds. Its configuration is where TEMPEST_CONFIG_DIR says. Standard output: a line of JSON [name, outcome, why] for each that did not pass, then
# how many ran.
import json, re, sys, unittest

PACKAGE = 'ironic_tempest_plugin.tests.api.admin.test_'
MODULES = (
    'allocations', 'api_discovery', 'chassis', 'conductor', 'deploy_templates', 'drivers', 'nodes', 'nodestates', 'portgroups', 'ports',
    'ports_negative', 'volume_connector', 'volume_target')
left_out = [re.compile(each) for each in json.loads(sys.argv[1])]


def flat(suite):
    for each in suite:
        yield from flat(each) if isinstance(each, unittest.TestSuite) else [each]


found = unittest.defaultTestLoader.loadTestsFromNames([PACKAGE + name for name in MODULES])
result = unittest.TestResult()
unittest.TestSuite(test for test in flat(found) if not any(each.search(test.id()) for each in left_out)).run(result)
for outcome in ('failures', 'errors', 'skipped'):
    for test, why in getattr(result, outcome):
        print(json.dumps([test.id().replace(PACKAGE, ''), outcome, why[-1500:]]))
print(result.testsRun)
