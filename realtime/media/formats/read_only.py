"""What is read and nobody paints into."""

from realtime.media.file_format import ReadOnlyFormat

VIDEOS = ReadOnlyFormat(
    suffixes=(
        *(".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".flv", ".wmv", ".asf", ".ogv"),
        *(".3gp", ".3g2", ".gif", ".mxf", ".ivf", ".y4m", ".dv", ".dif", ".nut", ".vob", ".m2v"),
        *(".m1v", ".mpv", ".m2p", ".m2t", ".tp", ".trp", ".tod", ".mod", ".rm", ".rmvb", ".f4v"),
        *(".divx", ".ogm", ".ogx", ".wtv", ".dvr-ms", ".qt", ".mp4v", ".3gpp", ".gxf", ".nsv"),
        *(".amv", ".mjpg", ".mjpeg", ".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".av1"),
        *(".obu", ".vc1", ".lrv", ".insv", ".avs2", ".avs3", ".drc", ".mk3d", ".nuv"),
    ),
)
PICTURES = ReadOnlyFormat(
    suffixes=(
        *(".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif", ".hif", ".avif", ".tga", ".exr"),
        *(".dpx", ".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf", ".jfif", ".jpe", ".jls", ".ppm"),
        *(".pgm", ".pbm", ".pnm", ".pam", ".pcx", ".sgi", ".rgb", ".ras", ".qoi", ".psd", ".dds"),
        *(".jps", ".mpo", ".dib"),
    ),
    is_picture=True,
    painted_as=".png",
)
MOVING_PICTURES = ReadOnlyFormat(suffixes=(".apng", ".avifs", ".heics"), is_picture=True)
