// The configuration: which source wins, and what is refused.
import { expect, test } from 'vitest'
import { CONFIG_KEYS, describeConfig, environmentName, flagName, resolveConfig } from './config.ts'
import { driverFacts } from './driver-facts.ts'
import fakeHardware from './drivers/fake-hardware.ts'

test('a flag wins over the environment, that over the file, that over the default', () => {
  const environment = { FERRULE_CONDUCTOR_POWER_POLL_S: '20', FERRULE_CONDUCTOR_DATA_DIR: '/e', PATH: '/bin' }
  const { config, sources } = resolveConfig({
    flags: { dataDir: '/flag' },
    environment,
    file: '{"powerPollS": 30, "boot": false, "dataDir": "/f", "drivers": ["a", "b"]}',
  })
  expect(config).toMatchObject({ dataDir: '/flag', powerPollS: 20, boot: false, drivers: ['a', 'b'], logLevel: 'info' })
  expect(sources).toMatchObject({ dataDir: 'flag', powerPollS: 'environment', boot: 'file', logLevel: 'default' })
})

test('every mistake is told at once, with a suggestion where one is near', () => {
  const environment = { FERRULE_CONDUCTOR_BOOTT: 'true', FERRULE_CONDUCTOR_LOG_LEVEL: 'loud' }
  const mistakes = () => resolveConfig({ environment, file: '{"datadir": "/x", "weather": 1, "agentApiPort": 99999}' })
  expect(mistakes).toThrow('FERRULE_CONDUCTOR_BOOTT is unknown: did you mean FERRULE_CONDUCTOR_BOOT?')
  expect(mistakes).toThrow('datadir is unknown: did you mean dataDir?')
  expect(mistakes).toThrow('weather is unknown; known are')
  expect(mistakes).toThrow('environment: logLevel')
  expect(mistakes).toThrow('file: agentApiPort')
})

test.each(['[]', 'null', '{', '3'])('a file that is %s is refused', (file) => {
  expect(() => resolveConfig({ file })).toThrow('JSON')
})

test('each key has a description, and one name as flag and in the environment', () => {
  expect(new Set(CONFIG_KEYS.map(flagName)).size).toBe(CONFIG_KEYS.length)
  expect(flagName('agentApiPort')).toBe('--agent-api-port')
  expect(environmentName('agentApiPort')).toBe('FERRULE_CONDUCTOR_AGENT_API_PORT')
})

test('check masks credentials', () => {
  const text = describeConfig(resolveConfig({ flags: { url: 'https://user:hunter2@ferrule.example.com' } }))
  expect(text).not.toContain('hunter2')
  expect(text).toContain('https://******@ferrule.example.com')
})

test('priorities of steps are told to the cloud instead of the driver’s own; nonsense is refused', () => {
  const { config } = resolveConfig({
    flags: { stepPriorities: 'clean.deploy.erase_devices_metadata=0,clean.deploy.erase_devices=10' },
  })
  const { clean } = driverFacts(fakeHardware, config.stepPriorities).steps!
  const priority = (name: string) => clean?.find(({ step }) => step === name)?.priority
  expect([priority('erase_devices_metadata'), priority('erase_devices'), priority('burnin_cpu')]).toEqual([0, 10, 0])
  expect(() => resolveConfig({ flags: { stepPriorities: 'erase=1' } })).toThrow('must be like clean.deploy')
})

test('the networks that are fetched from are networks', () => {
  expect(resolveConfig({ flags: { fetchNetworks: '10.2.0.0/16,fd00::/8' } }).config.fetchNetworks).toHaveLength(2)
  expect(() => resolveConfig({ flags: { fetchNetworks: '10.2.0.1' } })).toThrow(
    'fetchNetworks: "10.2.0.1" is not a network such as 10.2.0.0/16',
  )
})

test('where BMCs reach this conductor is told by network, and nonsense is refused', () => {
  const { config } = resolveConfig({ flags: { externalHttpUrls: '10.2.0.0/16=http://10.2.0.5:8088,https://proxy' } })
  expect(config.externalHttpUrls).toEqual(['10.2.0.0/16=http://10.2.0.5:8088', 'https://proxy'])
  expect(() => resolveConfig({ flags: { externalHttpUrls: '10.2.0.0=http://a' } })).toThrow(
    'externalHttpUrls: "10.2.0.0" is not a network such as 10.2.0.0/16',
  )
})
