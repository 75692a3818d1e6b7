float f(float a0, float a1, float a2, float a3, float a4, float a5, float a6, float a7, float a8,
        float a9, float a10, float a11, float a12, float a13, float a14, float a15, float a16, float a17,
        float a18, float a19, float a20, float a21, float a22, float a23, float a24, float a25, float a26)
{
    return a0;
}
