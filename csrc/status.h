/* The status that C functions return. simplezarr/engine/kernels/compressors.pyx has the messages. */
#ifndef SZ_STATUS_H
#define SZ_STATUS_H

enum {
  SZ_OK = 0,
  SZ_NO_MEMORY = -1,   /* an allocation failed */
  SZ_MISSING = -2,     /* the file does not exist: the chunk is all fill value */
  SZ_IO = -3,          /* the operating system refused; errno says why */
  SZ_TRUNCATED = -4,   /* the bytes end early */
  SZ_TOO_LONG = -5,    /* the bytes decode to more than the metadata allows */
  SZ_TOO_SHORT = -6,   /* the bytes decode to less than the metadata requires */
  SZ_CORRUPT = -7,     /* the bytes do not follow the codec's format */
  SZ_CHECKSUM = -8,    /* a checksum does not match */
  SZ_UNSUPPORTED = -9, /* a valid form that is not implemented */
  SZ_TRAILING = -10    /* bytes follow the end of the value */
};

#endif
