// Imported first: says plainly that Node is too old, before anything newer than it is evaluated.
const MINIMUM = [20, 19];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
  console.error(
    `OpenLock needs Node.js ${MINIMUM.join('.')} or newer (22 or 24 recommended); this is ${process.versions.node}.`,
  );
  process.exit(1);
}
