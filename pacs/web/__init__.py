"""The web door: DICOMweb, our own API, the viewer's files."""
