// Arduino confirms a new image before setup() runs unless this says otherwise. An image that starts and cannot reach its
// relay must not count as good: it is confirmed after the first welcome, or the old one returns (protocol 12.5).
// C linkage, or the core's weak default stays in place without a word.
extern "C" bool verifyRollbackLater();
extern "C" bool verifyRollbackLater() { return true; }
