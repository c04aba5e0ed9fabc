cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object path)  # what os.fsencode does to text
