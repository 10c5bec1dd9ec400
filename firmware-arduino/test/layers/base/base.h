// Fixture of layering.test.cpp: folders that include each other in a circle. Never compiled.
