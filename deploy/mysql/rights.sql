-- Run once, when MySQL's data folder is made: the shop makes its own schemas, one for each owner.
GRANT ALL ON `kessai\_%`.* TO 'kessai'@'%';
