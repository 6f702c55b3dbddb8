"""What FFmpeg reads and nobody paints into."""

from realtime.media.file_format import ReadOnlyFormat

VIDEOS = ReadOnlyFormat(
    suffixes=(
        *(".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".flv", ".wmv", ".asf", ".ogv"),
        *(".3gp", ".3g2", ".gif", ".mxf", ".ivf", ".y4m"),
    ),
    demuxers=(
        *("avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "gif", "h264", "hevc"),
        *("m4v", "av1", "obu", "ivf", "mxf", "yuv4mpegpipe"),
    ),
)
PICTURES = ReadOnlyFormat(
    suffixes=(".bmp", ".tif", ".tiff", ".webp"),
    demuxers=("bmp_pipe", "tiff_pipe", "webp_pipe", "image2"),
    is_picture=True,
    painted_as=".png",
)
MOVING_PICTURES = ReadOnlyFormat(suffixes=(".apng",), demuxers=("apng",), is_picture=True)
