// Manufacturers by their enterprise number (IANA) in Get Device ID, with the names that Ironic's users know from ipmitool.
const names: { readonly [manufacturer: number]: string } = {
  2: 'ibm',
  11: 'hewlett-packard',
  343: 'intel corporation',
  674: 'dell inc',
  5771: 'cisco systems, inc.',
  7244: 'quanta',
  10876: 'supermicro',
  19046: 'lenovo',
  47488: 'supermicro',
}

/** In lower case; undefined for one without a name here. */
export function manufacturerName(manufacturer: number): string | undefined {
  return names[manufacturer]
}
