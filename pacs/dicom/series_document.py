"""A series as the viewer wants it: one compact document, what is alike said once (`SeriesDocument`).

Names are those of the attributes in snake_case, dates and times the strings of DICOM, lengths in mm.
Of `FrameAttributes` every key is either in `shared` (all frames have the same) or in `per_frame` (one value
for each frame, in the order of the document); so the value of frame i is `per_frame[key][i]`, or `shared[key]`.
"""

from typing import Literal, TypedDict

Kind = Literal[
    "image",
    "segmentation",
    "video",
    "sr",
    "key_object",
    "presentation_state",
    "document",
    "waveform",
    "rt",
    "other",
]
"""What the series, or an object of it, is. `document`: encapsulated PDF, CDA, STL ..."""

Order = Literal["position", "phase_position", "instance_number"]
"""How frames are sorted. position: along the normal of one stack, in the direction of the instance numbers;
phase_position: several stacks at the same places (4D, echoes), one after the other; else by instance number."""

WarningCode = Literal[
    "spacing_invalid",
    "spacing_conflict",
    "slices_conflict",
    "orientation_invalid",
    "same_place",
    "frames_of_reference",
    "laterality_conflict",
    "laterality_described",
    "burned_in",
]

SpacingSource = Literal["", "patient", "calibrated", "detector", "scanned", "region"]


class Patient(TypedDict):
    """For the corners. The name is the whole PN value, component groups joined by `=`."""

    patient_name: str
    patient_id: str
    patient_birth_date: str
    patient_sex: str


class Lut(TypedDict):
    """A look-up table of PS3.3 C.11.1, C.11.2 or C.7.6.3.1.5: input `first + i` gives value i."""

    first: int
    bits: int
    """Bits of an entry: outputs are 0 to 2^bits - 1."""
    values: str
    """base64 of unsigned 16-bit little-endian entries."""


class Palette(TypedDict):
    """PALETTE COLOR: red, green and blue of stored value `first + i`, 8 bits each."""

    first: int
    red: str
    """base64 of bytes, as are green and blue; segmented tables are written out."""
    green: str
    blue: str


class Stack(TypedDict):
    """Frames that lie one behind the other: parallel, of one size, each at another place."""

    spacing: float
    """mm between neighbours along the normal: the median."""
    regular: bool
    """No gap differs from it by more than a twentieth."""
    sheared: bool
    """Neighbours are displaced across the normal: a tilted gantry. Not to be resampled as a box."""
    phases: int
    """How many such stacks there are, one after the other, each of the same places."""


class SeriesWarning(TypedDict):
    """What a reader should know before he trusts a place, a side or a length. The viewer has the words."""

    code: WarningCode
    facts: dict[str, float | str]
    """What the words are filled with: `n` counts objects, frames or what the code names; lengths are in mm."""


class Region(TypedDict):
    """A calibrated region of an ultrasound image (PS3.3 C.8.5.5), in pixels counted from 0, ends included."""

    number: int
    """Its place in the sequence, from 1."""
    spatial_format: int
    """The code of C.8.5.5.1.1: 1 2D, 2 M-mode, 3 spectral, 4 wave form, 5 graphics."""
    data_type: int
    """The code of C.8.5.5.1.2: 1 tissue, 2 colour flow, 3 PW spectral ..."""
    is_above: bool
    """Of regions that overlap, those of high priority count (C.8.5.5.1.3)."""
    x0: int
    y0: int
    x1: int
    y1: int
    physical_units_x: int
    """The code of C.8.5.5.1.15: 3 cm, 4 seconds, 7 cm/s ..."""
    physical_units_y: int
    physical_delta_x: float
    physical_delta_y: float
    reference_pixel_y: int | None
    """The row, from y0, at which the vertical axis has the value after this: the baseline of a spectrum."""
    reference_value_y: float


SuvReason = Literal[
    "",
    "not_corrected",
    "decay_correction",
    "units",
    "no_dose",
    "no_half_life",
    "no_injection_time",
    "no_scan_time",
    "injected_later",
    "no_weight",
    "no_height",
    "no_sex",
]


class Suv(TypedDict):
    """Factors from modality values of a PET image to standardised uptake values."""

    units: str
    """Units (0054,1001)."""
    bw: float | None
    """By body weight, to g/ml."""
    lbm: float | None
    """By lean body mass (James), to g/ml."""
    bsa: float | None
    """By body surface (Du Bois), to cm2/ml."""
    reason: SuvReason
    """Why one or all are missing."""


class FrameAttributes(TypedDict):
    """What is known of one frame."""

    instance: int
    """Index into `instances`."""
    frame_number: int
    """Within its instance, from 1."""
    size: int
    """Bytes it will have, as delivered; of an encapsulated frame an upper bound."""
    transfer_syntax_uid: str
    """As it is delivered by `retrieve.viewer_frames`: what a browser decodes, else Explicit VR Little Endian."""
    transcoded: bool
    """The server decodes it first where it is not asked for in resolutions, because no browser does."""
    resolution_ends: list[int] | None
    """The frame is to be had in HTJ2K, lowest resolution first: where each ends, in bytes from its beginning. Each has
    twice the rows and columns of the one before, the last has all. It is asked for by `retrieve.viewer_frames` with
    resolutions. None: only as a whole."""
    pixel_data: Literal["integer", "float", "double"]
    """float and double: 32 and 64-bit IEEE samples (Float Pixel Data, Double Float Pixel Data)."""
    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    planar_configuration: int
    bits_allocated: int
    """8, 16 or 32 (1-bit frames are delivered as bytes of 0 and 1)."""
    bits_stored: int
    high_bit: int
    signed: bool
    rescale_slope: float
    rescale_intercept: float
    rescale_type: str
    """HU, US, OD ..., or ""."""
    modality_lut: int | None
    """Index into `luts`, in place of slope and intercept."""
    window_center: float | None
    """In modality units; None: none is given, take the range of the values."""
    window_width: float | None
    windows: list[tuple[float, float, str]]
    """Every window given, with its explanation; the first is the one above."""
    voi_lut_function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
    voi_lut: int | None
    """Index into `luts`; to be used in place of a window when no window is given."""
    padding: tuple[float, float] | None
    """Stored values from the first to the second are no picture (PS3.3 C.7.5.1.1.2): black, and not counted."""
    inverse: bool
    """The lowest value is shown white: MONOCHROME1, or Presentation LUT Shape INVERSE."""
    palette: int | None
    """Index into `palettes`."""
    pixel_spacing: tuple[float, float] | None
    """mm between rows, then between columns."""
    pixel_spacing_source: SpacingSource
    """patient: Pixel Spacing; calibrated: Pixel Spacing beside a different Imager Pixel Spacing; detector: Imager
    Pixel Spacing alone, the body is smaller (PS3.3 10.7); scanned: Nominal Scanned Pixel Spacing; region: the
    largest ultrasound region in cm, and right within it only."""
    pixel_spacing_calibration: str
    """How a calibrated spacing came to be: Pixel Spacing Calibration Type, and its description."""
    magnification: float | None
    """Estimated Radiographic Magnification Factor of a projection."""
    pixel_aspect_ratio: float
    """Height of a pixel divided by its width."""
    image_orientation: tuple[float, ...] | None
    """Six direction cosines: of a row, then of a column."""
    image_position: tuple[float, ...] | None
    """mm, of the centre of the first pixel."""
    frame_of_reference_uid: str
    slice_thickness: float | None
    slice_location: float | None
    laterality: str
    view_position: str
    patient_orientation: str
    """Row and column direction as letters, joined by a backslash, where there is no image_orientation."""
    quadruped: bool
    """Directions are those of an animal on four legs (PS3.3 C.7.6.1.1.1)."""
    image_type: str
    """Values joined by a backslash."""
    content_time: str
    acquisition_number: int | None
    frame_time: float | None
    """ms to the next frame."""
    regions: list[Region]
    lossy: bool
    """Told by Lossy Image Compression, or by a transfer syntax that has no other way."""
    lossy_ratio: float | None
    """Of all steps together, as told."""
    lossy_method: str
    """As told: ISO_10918_1 (JPEG), ISO_14495_1 (JPEG-LS), ISO_15444_1 (JPEG 2000) ..., joined by a backslash."""
    stored_transfer_syntax_uid: str
    """As it was received."""
    burned_in_annotation: bool
    overlays: bool
    """There may be overlay planes over it (PS3.3 C.9.2)."""
    suv: Suv | None
    """Of PET."""


class Instance(TypedDict):
    """One object that frames come from, in the order in which it is first used."""

    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None
    number_of_frames: int


class OtherObject(TypedDict):
    """An object of the series without frames that can be shown as pictures."""

    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None
    kind: Kind


class SeriesDocument(TypedDict):
    """What the viewer must know of a series before its frames come."""

    study_instance_uid: str
    series_instance_uid: str
    revision: int
    """Counts the changes of the series. Indices of frames hold for it only: give it back when asking for frames. That
    more frames are to be had in HTJ2K does not change it: what a document says can be asked for as it says."""
    kind: Kind
    modality: str
    series_number: int | None
    series_description: str
    series_date: str
    series_time: str
    body_part_examined: str
    protocol_name: str
    patient: Patient
    study_date: str
    study_time: str
    study_description: str
    accession_number: str
    institution_name: str
    number_of_frames: int
    order: Order
    stack: Stack | None
    warnings: list[SeriesWarning]
    """Contradictions within the headers (`series_warnings`)."""
    recommended_rate: float | None
    """Frames a second, as recorded; None: not a film."""
    instances: list[Instance]
    objects: list[OtherObject]
    luts: list[Lut]
    palettes: list[Palette]
    shared: dict[str, object]
    """`FrameAttributes` that all frames have alike."""
    per_frame: dict[str, list[object]]
    """`FrameAttributes` that differ: one value for each frame."""
