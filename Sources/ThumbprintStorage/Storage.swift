import CLMDB
import CXXHash
import ThumbprintIndex
